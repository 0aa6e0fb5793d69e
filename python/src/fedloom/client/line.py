"""The way to the server: dialling, handshake, coming back. PROTOCOL.md sections 4 and 6."""

import random
import threading
import time

from .. import __version__
from . import proof, tensors
from .connection import Connection
from .errors import ClientError, ConnectionLost, ProtocolError, Refused

VERSION = 2
PAUSE_FIRST_S, PAUSE_LAST_S = 0.1, 2.0
JOIN_RANGES_MAX = 512
# Errors of a line on which too little moved, of a server that is full or has not opened its runs yet, of clients that somebody
# still holds: the next may be better.
MAY_PASS = {
    "protocol.stalled",
    "protocol.owed",
    "protocol.handshake-timeout",
    "transport.full",
    "lobby.empty",
    "join.held",
    "join.timeout",
}


class _Finished(Exception):
    def __init__(self, message):
        super().__init__()
        self.message = message


class Line:
    """Keeps a connection until the run is over; one thread runs `keep`, others `send`, `join` and `leave`."""

    def __init__(self, url, ranges, *, run, retry_for, secure, proofs, on_welcome, on_begin, on_shipped, on_joined, receive, on_lost, tell):
        """`ranges`: (first, count) of the clients. `run`: the one to take part in, None for the only one there.
        `retry_for`: seconds to go on dialling. `secure`: an `ssl.SSLContext` for `wss://`, or None. `proofs`:
        of who this client is.

        Called by `keep`, in this order: `on_welcome(welcome)`, who raises if it cannot take part; `on_begin()`, for each
        connection; `on_shipped(welcome, plan, frozen)`, once, who calls `join` when it is ready; `on_joined(welcome)`;
        `receive(message, body)`; `on_lost()`. `tell(text)`: a line for people."""
        self._url, self._ranges, self._wanted_run, self._retry_for = url, ranges, run, retry_for
        self._secure, self._proofs = secure, proofs
        self._on_welcome, self._on_begin, self._on_shipped = on_welcome, on_begin, on_shipped
        self._on_joined, self._receive, self._on_lost, self._tell = on_joined, receive, on_lost, tell
        self._welcome = None
        self._shipped = self._ready = self._leaving = self._took_part = False
        self._connection = None  # that is open
        self._entered = False  # it waits for `join`, or has sent it
        self._joined = False
        self._alone_since = time.monotonic()
        self._pause = PAUSE_FIRST_S
        self._lock = threading.RLock()
        self._left = threading.Event()

    def keep(self):
        """Returns `finish`, None after `leave`. Raises `ClientError` when there is no use in going on."""
        told = float("-inf")
        while not self._leaving:
            try:
                return self._serve()
            except ConnectionLost as error:
                reason = str(error)
            except Refused as error:
                if not self._passes(error):
                    raise
                reason = error.message
            finally:
                self._close_down()
            if self._leaving:
                return None
            waited, pause = time.monotonic() - self._alone_since, self._pause * random.uniform(0.5, 1)
            if waited + pause > self._retry_for:
                raise self._no_server(waited, reason)
            if time.monotonic() - told > 5:
                self._tell(f"Waiting for the server at {self._url}, for {self._retry_for:g} s at most: {reason}")
                told = time.monotonic()
            self._left.wait(pause)
            self._pause = min(2 * self._pause, PAUSE_LAST_S)
        return None

    def send(self, message, body=b""):
        """To the server that has taken the clients in; to nobody while there is none."""
        connection = self._connection if self._joined else None
        if connection is None:
            return
        try:
            connection.send(message, body)
        except ConnectionLost:
            pass  # `keep` notices too

    def join(self):
        """The clients are ready for the work."""
        with self._lock:
            self._ready = True
            if self._entered:
                self._ask_in()

    def leave(self):
        with self._lock:
            self._leaving = True
            self._left.set()
            if self._connection is not None:
                self._connection.close("the client leaves")

    def fail(self, error):
        """Tells the server why these clients cannot take part."""
        with self._lock:
            self._leaving = True
            self._left.set()
            if self._connection is not None:
                self._connection.fail(error)

    def break_line(self):
        with self._lock:
            if self._connection is not None:
                self._connection.break_line()

    def _serve(self):
        connection = Connection(self._url, self._secure)
        with self._lock:
            self._connection = connection
            if self._leaving:
                return connection.close("the client leaves")
        try:
            self._enter(connection)
            while True:
                message, body = connection.receive()
                if message.get("type") == "finish":
                    raise _Finished(message)
                if message.get("type") == "joined":
                    self._take_in(connection)
                else:
                    self._receive(message, body)
        except _Finished as finished:
            # Whatever was told before is kept: to close is to say so.
            connection.close("the run is over")
            return finished.message
        except (KeyError, TypeError) as error:
            broken = ProtocolError("protocol.message", f"the server sent a message without what it must have: {error!r}")
            connection.fail(broken)
            raise broken from error
        except ClientError as error:
            if not isinstance(error, Refused):
                connection.fail(error)
            raise

    def _enter(self, connection):
        hello = {"type": "hello", "versions": [VERSION], "software": f"fedloom-python/{__version__}", "capabilities": []}
        connection.send(hello)
        challenge = _expect(connection, "challenge")[0]
        # Who comes back names the run that it took part in: the server may have opened another meanwhile.
        run = self._wanted_run or (self._welcome and self._welcome["run"])
        connection.send(proof.answer(challenge, self._proofs, connection.binding, run))
        welcome = _expect(connection, "welcome")[0]
        self._refuse_other_run(welcome["run"])
        self._on_welcome(welcome)
        self._welcome = welcome
        self._on_begin()
        if not self._shipped:
            plan, frozen = self._fetch(connection, welcome["workload"])
            self._shipped = True
            self._on_shipped(welcome, plan, frozen)
        with self._lock:
            self._entered = True
            if self._ready:
                self._ask_in()

    def _fetch(self, connection, workload):
        """The plan's bytes, None where there is none, and the frozen parameters by name."""
        if workload["kind"] != "plan":
            return None, {}
        wanted = [("getPlan", "plan", workload["hash"])]
        if "frozen" in workload:
            wanted.append(("getFrozen", "frozen", workload["frozen"]))
        for request, _, wanted_hash in wanted:
            connection.send({"type": request, "hash": wanted_hash})
        bodies = [_shipped(connection, kind, wanted_hash) for _, kind, wanted_hash in wanted]
        return bodies[0], tensors.decode(bodies[1]) if len(bodies) > 1 else {}

    def _ask_in(self):
        for at in range(0, len(self._ranges), JOIN_RANGES_MAX):
            part = self._ranges[at : at + JOIN_RANGES_MAX]
            clients = [{"from": first, "count": count} for first, count in part]
            self._try_send({"type": "join", "clients": clients})

    def _try_send(self, message):
        try:
            self._connection.send(message)
        except ConnectionLost:
            pass  # the receiver notices too

    def _take_in(self, connection):
        connection.patient = True
        self._joined = self._took_part = True
        self._alone_since, self._pause = time.monotonic(), PAUSE_FIRST_S
        self._on_joined(self._welcome)

    def _close_down(self):
        with self._lock:
            if self._joined:
                self._alone_since = time.monotonic()
            self._connection, self._entered, self._joined = None, False, False
        self._on_lost()

    def _passes(self, error):
        return error.code in MAY_PASS or (error.code == "lobby.run" and self._welcome is not None)

    def _refuse_other_run(self, run):
        before = self._welcome["run"] if self._welcome else None
        if self._wanted_run not in (None, run):
            raise ClientError("client.other-run", f"This client asked for the run {self._wanted_run}, the server has {run}.")
        if before not in (None, run):
            raise ClientError(
                "client.other-run",
                f"The server now runs {run}, this client took part in {before}. Start the client again to join it.",
            )

    def _no_server(self, waited, reason):
        if self._took_part:
            message = (
                f"The server at {self._url}, in whose run this client took part, is gone: nobody was there after "
                f"{waited:.0f} s. {reason} If the run is not complete there, resume it, and start this client again."
            )
        else:
            message = f"No server at {self._url} after {waited:.0f} s. {reason}"
        return ClientError("client.no-server", message)


def _shipped(connection, kind, wanted_hash):
    body = _expect(connection, kind)[1]
    if body is None or tensors.sha256(body) != wanted_hash:
        raise ProtocolError("client.hash", f"What came as {kind} does not have the hash {wanted_hash}.")
    return body


def _expect(connection, kind):
    message, body = connection.receive()
    if message.get("type") == "finish":
        raise _Finished(message)
    if message.get("type") != kind:
        raise ProtocolError("protocol.order", f"'{message.get('type')}' in place of '{kind}'")
    return message, body
