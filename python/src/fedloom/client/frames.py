"""Frames, PROTOCOL.md section 2: bytes in, typed frame out, and back. No input or output here."""

import json
from typing import Any, Dict, NamedTuple, Optional, Union

from .errors import ProtocolError

FRAME_BYTES_MAX = 1_048_592
CONTROL_BYTES_MAX = 1_048_576
CHUNK_BYTES_MAX = 1_048_576
CHUNK_HEADER_BYTES = 16
INLINE_HEADER_BYTES = 8
INLINE_BODY_BYTES_MAX = 65_536
CONTROL, CHUNK, WITH_BODY = 1, 2, 3


class Text(NamedTuple):
    """A message, with its body where that came along."""

    message: Dict[str, Any]
    body: Optional[bytes]


class Chunk(NamedTuple):
    stream: int
    offset: int
    payload: bytes


def encode_message(message, body=b""):
    """`message` in one frame, with its body behind it: at most INLINE_BODY_BYTES_MAX bytes."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    if not body:
        return bytes([CONTROL]) + text
    text += b" " * (-len(text) % 8)
    return bytes([WITH_BODY, 0, 0, 0]) + len(text).to_bytes(4, "little") + text + body


def encode_chunk(stream, offset, payload):
    return bytes([CHUNK, 0, 0, 0]) + stream.to_bytes(4, "little") + offset.to_bytes(8, "little") + payload


def decode_frame(frame: bytes) -> Union[Text, Chunk]:
    """Raises `ProtocolError`."""
    if len(frame) > FRAME_BYTES_MAX:
        raise ProtocolError("protocol.frame-size", f"a frame of {len(frame)} bytes")
    kind = frame[0] if frame else 0
    if kind == CONTROL:
        return Text(_message(frame[1:]), None)
    if kind not in (CHUNK, WITH_BODY) or frame[1:4] != b"\0\0\0":
        raise ProtocolError("protocol.frame", f"a frame that begins with {frame[:4].hex(' ') or 'nothing'}")
    if kind == CHUNK:
        if len(frame) <= CHUNK_HEADER_BYTES:
            raise ProtocolError("protocol.frame", f"a chunk of {len(frame)} bytes")
        stream, offset = (int.from_bytes(frame[a:b], "little") for a, b in ((4, 8), (8, 16)))
        return Chunk(stream, offset, frame[CHUNK_HEADER_BYTES:])
    end = INLINE_HEADER_BYTES + int.from_bytes(frame[4:8], "little")
    if len(frame) < INLINE_HEADER_BYTES or end > len(frame) or end % 8 != 0:
        raise ProtocolError("protocol.frame", "a message with its body whose text does not end where it says")
    if len(frame) - end > INLINE_BODY_BYTES_MAX:
        raise ProtocolError("protocol.frame-size", f"a body of {len(frame) - end} bytes in one frame with its message")
    return Text(_message(frame[INLINE_HEADER_BYTES:end]), frame[end:])


def _message(text):
    if len(text) > CONTROL_BYTES_MAX:
        raise ProtocolError("protocol.frame-size", f"a message of {len(text)} bytes")
    try:
        message = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ProtocolError("protocol.json", "a message that is no JSON in UTF-8") from None
    if not isinstance(message, dict):
        raise ProtocolError("protocol.json", "a message that is no JSON object")
    required = [name for name in message if name.startswith("!")]
    if required:
        raise ProtocolError("protocol.required-field", f"the field {required[0]} is required and not known here")
    return message
