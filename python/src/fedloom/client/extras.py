"""Packages that only this client needs: told by name, with the line that installs them, where they are missing."""

import importlib

from .errors import ClientError

def extra(name, group="client"):
    """The module of that name.

    Raises `ClientError` `client.package` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ClientError(
            "client.package",
            f"The client in Python needs {name.split('.')[0]} ({error}). "
            f"Install it: pip install './python[{group}]' in fedloom's repository.",
        ) from error
