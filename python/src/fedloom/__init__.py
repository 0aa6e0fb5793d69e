"""fedloom for Python: the trainers of a federation's clients."""

__version__ = "0.1.0"
