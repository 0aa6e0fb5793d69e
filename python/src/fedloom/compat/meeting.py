"""Where the processes find the server: told over MPI, or agreed on by the environment."""

import os
import re
import socket

from .errors import CompatError
from .ranks import all_on_this_host

DEFAULT = "ws://127.0.0.1:29500"
_URL = re.compile(r"^ws://(\[[0-9a-fA-F:]+\]|[^:/\[\]]+):(\d+)/?$")


class Meeting:
    """All ranks make one at the same time; then rank 0 calls `tell`, the others `server_url`."""

    def __init__(self, comm, size):
        """Raises `CompatError` where nothing says where the server is."""
        self._comm, agreed = comm, os.environ.get("FEDLOOM_SERVER")
        self._one_host = True
        if comm is not None:
            # What rank 0 was told counts: not every MPI hands the environment on to other hosts.
            told = comm.allgather((socket.gethostname(), agreed))
            self._one_host, agreed = len({host for host, _ in told}) == 1, told[0][1]
        elif agreed is None:
            if not all_on_this_host(size):
                raise CompatError(
                    "The processes run on several hosts, and nothing says where the server is: set "
                    "FEDLOOM_SERVER=ws://HOST:PORT for all of them, HOST being that of rank 0, or install mpi4py."
                )
            agreed = DEFAULT
        self._agreed = agreed
        self._host, self._port = ("", "") if agreed is None else _parsed(agreed)

    @property
    def listen_address(self):
        """HOST:PORT for rank 0."""
        if self._agreed is None:
            return "127.0.0.1:0" if self._one_host else "0.0.0.0:0"
        return f"{self._host if _is_loopback(self._host) else '0.0.0.0'}:{self._port}"

    def tell(self, url):
        """`url`: the server's own, once it listens; None: it does not, and the others must not wait."""
        if self._comm is None:
            return
        if url is not None and self._agreed is not None:
            url = self._agreed
        elif url is not None and not self._one_host:
            url = f"ws://{socket.gethostname()}:{url.rstrip('/').rpartition(':')[2]}"
        self._comm.bcast(url, root=0)

    def server_url(self):
        """Raises `CompatError` when rank 0 said that it has none."""
        if self._comm is None:
            return self._agreed
        url = self._comm.bcast(None, root=0)
        if url is None:
            raise CompatError("The server of rank 0 did not start: it says why.")
        return url


def _parsed(url):
    found = _URL.match(url)
    if not found:
        raise CompatError(f"FEDLOOM_SERVER={url} is no address of a server; it reads like ws://HOST:PORT.")
    return found.groups()


def _is_loopback(host):
    return host == "localhost" or host.startswith("127.") or host == "[::1]"
