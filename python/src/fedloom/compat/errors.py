class CompatError(Exception):
    """The program cannot run as it is: the text says what, and how to mend it."""
