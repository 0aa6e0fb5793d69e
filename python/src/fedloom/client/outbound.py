"""A file of what leaves a site, a line of JSON each, which its owner alone may read."""

import datetime
import json
import os
import threading

from . import tensors
from .errors import ClientError


class OutboundLog:
    def __init__(self, path):
        """Goes on behind what is there. Raises `ClientError` `site.unrecorded`."""
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.chmod(path, 0o600)
        except OSError as error:
            raise _unrecorded(error) from error

    def write(self, run, message, body=b""):
        """Returns once it is with the system. Raises `ClientError` `site.unrecorded`."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": now, "run": run, **message}
        if body:
            line["body"] = {"bytes": len(body), "hash": tensors.sha256(body)}
        text = (json.dumps(line, separators=(",", ":")) + "\n").encode()
        with self._lock:
            try:
                while text:
                    text = text[os.write(self._file, text) :]
            except OSError as error:
                raise _unrecorded(error) from error


def _unrecorded(error):
    return ClientError("site.unrecorded", f"What leaves this site cannot be recorded: {error}. Nothing more is sent.")
