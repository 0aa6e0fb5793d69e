"""Whole messages with their bodies over a WebSocket, PROTOCOL.md sections 1 and 3."""

import socket
import ssl
import threading
import time

from . import tls
from .errors import ConnectionLost, ProtocolError, Refused
from .extras import extra
from .frames import CHUNK_BYTES_MAX, FRAME_BYTES_MAX, INLINE_BODY_BYTES_MAX, Chunk, decode_frame, encode_chunk, encode_message

BODY_BYTES_MAX = 2**30
STREAMS_MAX = 64
SIGN_OF_LIFE_S = 15
SILENCE_MAX_S = 120
OPEN_TIMEOUT_S = 10


class Connection:
    """One thread receives, any may send; messages with large bodies are sent by one that does not receive."""

    def __init__(self, url, secure=None):
        """`secure`: an `ssl.SSLContext` for `wss://`; None: that of the machine.

        Raises `ConnectionLost` where nobody answers, `Refused` where somebody does and refuses."""
        self._closed = extra("websockets.exceptions").ConnectionClosed
        self._socket = _dial(url, secure)
        _keep_alive(self._socket.socket)
        self._heard, self._asked = time.monotonic(), None
        # Once the server has said `joined` it owes the next message, however long it is silent: TCP tells if it is gone.
        self.patient = False
        self._bodies = {}  # stream -> (message, bytes so far, length)
        self._highest_stream = 0  # of the server's
        self._granted = {}  # of what this end announced: stream -> bytes
        self._grants = threading.Condition()
        self._stream = 0
        self._over = False

    @property
    def binding(self):
        """What this end sees of the encryption, PROTOCOL.md section 4."""
        return tls.binding(self._socket.socket)

    def receive(self):
        """The next whole message with its body, None where it has none.

        Raises `ConnectionLost`, `Refused` for an `error` of the server, `ProtocolError`."""
        while True:
            whole = self._take(self._next_frame())
            if whole is not None:
                return whole

    def send(self, message, body=b""):
        """Returns when all is with the transport. Raises `ConnectionLost`."""
        if len(body) <= INLINE_BODY_BYTES_MAX:
            return self._send(encode_message(message, body))
        with self._grants:
            self._stream += 1
            stream = self._stream
            self._granted[stream] = 0
        self._send(encode_message({**message, "body": {"stream": stream, "bytes": len(body)}}))
        offset, length, view = 0, len(body), memoryview(body)
        while offset < len(body):
            with self._grants:
                self._grants.wait_for(lambda: self._over or self._granted.get(stream, length) > offset)
                granted = self._granted.get(stream)
            if self._over:
                raise ConnectionLost("the line broke")
            if granted is None:
                return  # declined: the server does not want it any more
            chunk = view[offset : min(offset + CHUNK_BYTES_MAX, granted)]
            self._send(encode_chunk(stream, offset, bytes(chunk)))
            offset += len(chunk)
        with self._grants:
            del self._granted[stream]

    def fail(self, error):
        """Tells the server what is wrong, and closes."""
        try:
            self._send(encode_message({"type": "error", "code": error.code, "message": error.message[:4096]}))
        except ConnectionLost:
            pass
        self.close(f"{error.code}: {error.message}")

    def close(self, reason=""):
        self._end()
        self._socket.close(1000, reason.encode()[:123].decode(errors="ignore"))

    def break_line(self):
        """As if the network failed: no close frame is sent."""
        self._socket.socket.shutdown(socket.SHUT_RDWR)

    def _send(self, frame):
        try:
            self._socket.send(frame)
        except (self._closed, OSError) as error:
            self._end()
            raise ConnectionLost(str(error)) from error

    def _next_frame(self):
        while True:
            try:
                frame = self._socket.recv(timeout=SIGN_OF_LIFE_S)
            except TimeoutError:
                self._watch_silence()
                continue
            except (self._closed, OSError) as error:
                self._end()
                raise ConnectionLost(str(error)) from error
            self._heard, self._asked = time.monotonic(), None
            if isinstance(frame, str):
                self._end()
                self._socket.close(1003, "transport.text-frame: frames are binary")
                raise ConnectionLost("transport.text-frame: the server sent a text message")
            return frame

    def _watch_silence(self):
        """A pong, too, is a sign of life."""
        if self._asked is not None and self._asked.is_set():
            self._heard, self._asked = time.monotonic(), None
        if not self.patient and time.monotonic() - self._heard > SILENCE_MAX_S:
            self.break_line()
        elif self._asked is None:
            try:
                self._asked = self._socket.ping()
            except (self._closed, OSError):
                pass  # the next receive tells

    def _end(self):
        with self._grants:
            self._over = True
            self._grants.notify_all()

    def _take(self, data):
        """What the frame makes whole, if anything."""
        frame = decode_frame(data)
        if isinstance(frame, Chunk):
            return self._take_chunk(frame)
        message, body = frame
        kind = message.get("type")
        if kind == "grant":
            return self._take_grant(message)
        if kind == "decline":
            return self._take_decline(message)
        if kind == "error":
            self._end()
            raise Refused(str(message.get("code")), str(message.get("message")))
        if "body" not in message:
            return message, body
        if body is not None:
            raise ProtocolError("protocol.body", "a body that came along and was announced as well")
        return self._announced(message)

    def _announced(self, message):
        announced = message.pop("body")
        stream, length = (announced.get(name) if isinstance(announced, dict) else None for name in ("stream", "bytes"))
        if not (isinstance(stream, int) and isinstance(length, int) and length > 0):
            raise ProtocolError("protocol.body", "a broken announcement of a body")
        if length > BODY_BYTES_MAX:
            raise ProtocolError("protocol.body-size", f"a body of {length} bytes; at most {BODY_BYTES_MAX} are taken")
        if stream <= self._highest_stream:
            raise ProtocolError("protocol.stream", f"stream {stream} after {self._highest_stream}")
        if len(self._bodies) == STREAMS_MAX:
            raise ProtocolError("protocol.streams", f"more than {STREAMS_MAX} open bodies")
        self._highest_stream = stream
        self._bodies[stream] = (message, bytearray(), length)
        self._send(encode_message({"type": "grant", "stream": stream, "bytes": length}))

    def _take_grant(self, message):
        stream, count = message.get("stream"), message.get("bytes")
        if not isinstance(count, int) or count < 1:
            raise ProtocolError("protocol.message", f"a grant of {count} bytes")
        with self._grants:
            if stream not in self._granted:
                raise ProtocolError("protocol.stream", f"a grant for stream {stream}, which is not open")
            self._granted[stream] += count
            self._grants.notify_all()

    def _take_decline(self, message):
        stream = message.get("stream")
        with self._grants:
            if self._granted.get(stream) != 0:
                raise ProtocolError("protocol.stream", f"stream {stream} was declined, which is not open or was granted")
            del self._granted[stream]
            self._grants.notify_all()

    def _take_chunk(self, chunk):
        if chunk.stream not in self._bodies:
            raise ProtocolError("protocol.stream", f"a chunk for stream {chunk.stream}, which is not open")
        message, so_far, length = self._bodies[chunk.stream]
        if chunk.offset != len(so_far):
            raise ProtocolError("protocol.offset", f"a chunk at {chunk.offset}, not at {len(so_far)}")
        if len(so_far) + len(chunk.payload) > length:
            raise ProtocolError("protocol.overrun", "more bytes than announced")
        so_far += chunk.payload
        if len(so_far) < length:
            return None
        del self._bodies[chunk.stream]
        return message, bytes(so_far)


def _dial(url, secure):
    sync, exceptions = extra("websockets.sync.client"), extra("websockets.exceptions")
    options = {"compression": None, "max_size": FRAME_BYTES_MAX, "open_timeout": OPEN_TIMEOUT_S}
    if int(extra("websockets").__version__.split(".")[0]) >= 15:
        # Older ones know neither proxies nor pings of their own.
        options.update(proxy=None, ping_interval=None)
    if url.startswith("wss:"):
        options.update(ssl=secure or tls.context())
    try:
        # Entered and never left: it lives as long as this object, and `close` ends it.
        return sync.connect(url, **options).__enter__()
    except ssl.SSLError as error:
        untrusted = tls.trouble(url, error)
        if untrusted is None:
            raise ConnectionLost(f"The server at {url} broke the connection off ({error}).") from error
        raise Refused("transport.connect", untrusted) from error
    except (exceptions.InvalidURI, ValueError) as error:
        raise Refused("transport.connect", f"'{url}' is not an address of a server; it reads like ws://HOST:PORT.") from error
    except exceptions.InvalidStatus as error:
        text = (error.response.body or b"")[:200].decode(errors="replace") or "it is no fedloom server"
        status = error.response.status_code
        # A request that came too late, no room, or a proxy that does not reach its server: it may later.
        kind = "transport.full" if status in (408, 429, 502, 503, 504) else "transport.connect"
        raise Refused(kind, f"The server at {url} answered with HTTP status {status}: {text}") from error
    except (exceptions.InvalidHandshake, exceptions.ConnectionClosed, OSError, EOFError) as error:
        hint = " If it speaks TLS, its address begins with wss://." if isinstance(error, exceptions.InvalidMessage) else ""
        raise ConnectionLost(f"There is no server at {url} yet, or it cannot be reached ({error}).{hint}") from error


def _keep_alive(line):
    """A machine that is gone is noticed within half a minute, PROTOCOL.md section 1."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 10)):
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
