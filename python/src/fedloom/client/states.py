"""Clients' private state, PROTOCOL.md section 7: pending until the server says that its update counted."""

import os
import pathlib
import threading

from . import tensors
from .errors import ClientError


class MemoryStates:
    """Lives as long as this process."""

    def __init__(self):
        self._committed = {}
        self._pending = {}  # client -> (task, tensors)
        self._lock = threading.Lock()

    def open(self, run):
        """Names the run whose state it is, before anything else is asked."""

    def committed(self, client):
        """name -> array; empty before the first training that counted."""
        with self._lock:
            return self._committed.get(client, {})

    def propose(self, client, task, state):
        """Takes the place of what was pending for the client. When it returns, the update that goes with it may be sent."""
        with self._lock:
            self._pending[client] = (task, state)

    def settle(self, client, task, counted):
        """Commits what is pending of this task, or drops it; may be told more than once."""
        with self._lock:
            pending = self._pending.get(client)
            if pending is None or pending[0] != task:
                return
            del self._pending[client]
            if counted:
                self._committed[client] = pending[1]

    def forget(self):
        """Takes away what was kept of the run."""


class FolderStates:
    """In a folder that outlives this process, in the form of the client in Node: `<run>/<client>.safetensors` as it last
    committed, `<run>/<client>.<task>.safetensors` for an update that is not settled yet. Several processes with different
    clients may share it. It is made when there is something to keep.

    Its methods raise `ClientError` `client.state` where the disk fails."""

    def __init__(self, folder):
        self._folder, self._run = pathlib.Path(folder), pathlib.Path(folder)
        self._proposed = {}  # client -> task
        self._touched = set()
        self._lock = threading.Lock()

    def open(self, run):
        # A colon cannot stand in a name everywhere.
        self._run = self._folder / run.replace(":", "_")

    def committed(self, client):
        with self._lock, self._telling("read"):
            try:
                return tensors.decode(self._path(client).read_bytes())
            except FileNotFoundError:
                return {}

    def propose(self, client, task, state):
        with self._lock, self._telling("write"):
            if not state and not self._path(client).exists():
                return
            before = self._proposed.get(client, task)
            self._proposed[client] = task
            self._touched.add(client)
            if before != task:
                _remove(self._path(client, before))
            _write_safely(self._path(client, task), tensors.encode(state))

    def settle(self, client, task, counted):
        """Whatever process of this client proposed it."""
        with self._lock, self._telling("write"):
            if not counted:
                return _remove(self._path(client, task))
            self._touched.add(client)
            try:
                os.replace(self._path(client, task), self._path(client))
            except FileNotFoundError:
                pass  # told again, or a client that keeps nothing

    def forget(self):
        with self._lock, self._telling("delete"):
            for client in self._touched:
                _remove(self._path(client))
                if client in self._proposed:
                    _remove(self._path(client, self._proposed[client]))
            for folder in (self._run, self._folder):
                try:
                    folder.rmdir()
                except OSError:
                    return  # others keep something there

    def _path(self, client, task=None):
        return self._run / (f"{client}.safetensors" if task is None else f"{client}.{task}.safetensors")

    def _telling(self, doing):
        return _Telling(f"Cannot {doing} private state in {self._run}")


class _Telling:
    """Turns what the disk says into an error of this client."""

    def __init__(self, what):
        self._what = what

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, OSError):
            raise ClientError("client.state", f"{self._what}: {error.strerror}. See --state-dir.") from error


def _write_safely(path, data):
    """Whole or not at all, and there after a loss of power."""
    temporary = path.with_name(path.name + ".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _remove(path):
    try:
        path.unlink()
    except FileNotFoundError:
        pass
