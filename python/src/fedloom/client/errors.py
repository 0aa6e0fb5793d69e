"""Errors of the client: each has a code of PROTOCOL.md section 10 and a text that says what happened and how to mend it."""


class ClientError(Exception):
    """This client cannot go on, or one of its jobs cannot be done."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


class ProtocolError(ClientError):
    """The server broke the protocol: it is told, then the connection is closed."""


class Refused(ClientError):
    """The server sent `error`, or refused the connection."""


class ConnectionLost(Exception):
    """The connection is over, or could not be made; the next one may hold."""


class NotWanted(Exception):
    """A job was given up: its result is no longer wanted."""
