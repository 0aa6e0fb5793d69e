"""What a request can fail of."""


class Problem(Exception):
    """Told to the user as it is. `code` is one of fedloom's error codes."""

    def __init__(self, code, message, **fields):
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields
