"""Frames and bodies over WebSocket, PROTOCOL.md sections 1 to 3."""

import json
import socket
from collections import deque

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

FRAME_BYTES_MAX = 1_048_592
CHUNK_BYTES_MAX = 1_048_576
INLINE_BODY_BYTES_MAX = 65_536
BODY_BYTES_MAX = 2**30
CONTROL, CHUNK, WITH_BODY = 1, 2, 3


class ProtocolError(Exception):
    """The other end broke the protocol: tell it, then close."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Refused(Exception):
    """The other end sent `error`."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Connection:
    """Whole messages with their bodies, in both directions. One thread."""

    def __init__(self, url):
        # Entered and never left: it lives as long as this object, and `close` ends it.
        self.socket = connect(
            url, compression=None, max_size=FRAME_BYTES_MAX, ping_interval=15, ping_timeout=105
        ).__enter__()
        self.messages = deque()  # whole, not yet taken
        self.bodies = {}  # stream -> (message, bytes so far, length)
        self.granted = {}  # of what this end announced: stream -> bytes
        self.stream = 0

    def receive(self):
        """The next message and its body. Raises `ConnectionClosed`."""
        while not self.messages:
            self._take(self.socket.recv())
        return self.messages.popleft()

    def send(self, message, body=b""):
        text = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
        if not body:
            self.socket.send(bytes([CONTROL]) + text)
        elif len(body) <= INLINE_BODY_BYTES_MAX:
            text += b" " * (-len(text) % 8)
            self.socket.send(bytes([WITH_BODY, 0, 0, 0]) + len(text).to_bytes(4, "little") + text + body)
        else:
            self._stream(message, body)

    def _stream(self, message, body):
        self.stream += 1
        stream = self.stream
        self.granted[stream] = 0
        self.send({**message, "body": {"stream": stream, "bytes": len(body)}})
        offset = 0
        while offset < len(body):
            while self.granted[stream] == offset:
                self._take(self.socket.recv())
            chunk = body[offset : min(offset + CHUNK_BYTES_MAX, self.granted[stream])]
            header = bytes([CHUNK, 0, 0, 0]) + stream.to_bytes(4, "little") + offset.to_bytes(8, "little")
            self.socket.send(header + chunk)
            offset += len(chunk)
        del self.granted[stream]

    def _take(self, frame):
        if isinstance(frame, str):
            self.socket.close(1003, "transport.text-frame: frames are binary")
            raise ProtocolError("transport.text-frame", "a text message")
        kind = frame[0] if frame else 0
        if kind == CONTROL:
            self._take_message(frame[1:], None)
        elif kind == CHUNK:
            self._take_chunk(int.from_bytes(frame[4:8], "little"), int.from_bytes(frame[8:16], "little"), frame[16:])
        elif kind == WITH_BODY:
            end = 8 + int.from_bytes(frame[4:8], "little")
            self._take_message(frame[8:end], frame[end:])
        else:
            raise ProtocolError("protocol.frame", f"frame of unknown kind {kind}")

    def _take_message(self, text, body):
        try:
            message = json.loads(text)
        except ValueError:
            raise ProtocolError("protocol.json", "a message that is no JSON") from None
        required = [name for name in message if name.startswith("!")]
        if required:
            raise ProtocolError("protocol.required-field", f"unknown field {required[0]}")
        if message.get("type") == "grant":
            if message["stream"] not in self.granted:
                raise ProtocolError("protocol.stream", "a grant for no open stream")
            self.granted[message["stream"]] += message["bytes"]
        elif message.get("type") == "error":
            raise Refused(message["code"], message["message"])
        elif "body" in message:
            stream, length = message["body"]["stream"], message["body"]["bytes"]
            if length > BODY_BYTES_MAX:
                raise ProtocolError("protocol.body-size", f"a body of {length} bytes")
            self.bodies[stream] = (message, bytearray(), length)
            self.send({"type": "grant", "stream": stream, "bytes": length})
        else:
            self.messages.append((message, body))

    def _take_chunk(self, stream, offset, payload):
        if stream not in self.bodies:
            raise ProtocolError("protocol.stream", "a chunk for no open stream")
        message, so_far, length = self.bodies[stream]
        if offset != len(so_far):
            raise ProtocolError("protocol.offset", f"a chunk at {offset}, not at {len(so_far)}")
        so_far += payload
        if len(so_far) > length:
            raise ProtocolError("protocol.overrun", "more bytes than announced")
        if len(so_far) == length:
            del self.bodies[stream]
            self.messages.append((message, bytes(so_far)))

    def fail(self, error):
        try:
            self.send({"type": "error", "code": error.code, "message": error.message})
        except ConnectionClosed:
            pass
        self.close()

    def close(self):
        self.socket.close()

    def break_line(self):
        """As if the network failed: no close frame is sent."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)
