"""Frames: what PROTOCOL.md section 2 shows, and what must close."""

import json
import pathlib
import re
import unittest

from fedloom.client.errors import ProtocolError
from fedloom.client.frames import Chunk, Text, decode_frame, encode_chunk, encode_message

DOCUMENT = (pathlib.Path(__file__).parents[3] / "PROTOCOL.md").read_text(encoding="utf-8")


def example(name):
    """The bytes of a hex example: the pairs of digits that start each line."""
    block = re.search("```hex %s\n([^`]*)```" % name, DOCUMENT).group(1)
    return bytes.fromhex("".join(re.match(r"(?:[0-9a-f]{2} ?)*(?= |$)", line).group(0) for line in block.splitlines()))


class Frames(unittest.TestCase):
    def test_examples_of_the_document(self):
        grant = {"type": "grant", "stream": 1, "bytes": 800_128}
        self.assertEqual(encode_message(grant), example("grant"))
        self.assertEqual(decode_frame(example("grant")), Text(grant, None))
        self.assertEqual(encode_chunk(1, 1_048_576, b"\xde\xad\xbe\xef"), example("chunk"))
        self.assertEqual(decode_frame(example("chunk")), Chunk(1, 1_048_576, b"\xde\xad\xbe\xef"))
        plan = {"type": "plan", "hash": "sha256:" + "0" * 64}
        self.assertEqual(encode_message(plan, b"\1\2\3"), example("plan"))
        self.assertEqual(decode_frame(example("plan")), Text(plan, b"\1\2\3"))

    def test_texts_of_any_length_are_padded(self):
        for length in range(9):
            message = {"type": "x" * length}
            frame = encode_message(message, b"body")
            self.assertEqual(int.from_bytes(frame[4:8], "little") % 8, 0)
            self.assertEqual(decode_frame(frame), Text(message, b"body"))

    def test_what_must_close(self):
        text = json.dumps({"type": "grant"}).encode()
        padded = text + b" " * (-len(text) % 8)
        for frame, code in [
            (b"", "protocol.frame"),
            (b"\4abc", "protocol.frame"),
            (b"\2\0\0\1" + bytes(13), "protocol.frame"),
            (b"\2\0\0\0" + bytes(12), "protocol.frame"),
            (b"\3\0\0\0" + (len(padded) + 8).to_bytes(4, "little") + padded, "protocol.frame"),
            (b"\3\0\0\0" + (len(padded) - 1).to_bytes(4, "little") + padded, "protocol.frame"),
            (b"\3\0\0\0" + len(padded).to_bytes(4, "little") + padded + bytes(65_537), "protocol.frame-size"),
            (b"\1" + bytes(1_048_577), "protocol.frame-size"),
            (b"\1{", "protocol.json"),
            (b"\1[]", "protocol.json"),
            (b"\1\xff", "protocol.json"),
            (b"\1" + b"[" * 200_000, "protocol.json"),
            (b'\1{"!new":1}', "protocol.required-field"),
        ]:
            with self.subTest(frame=frame[:20]), self.assertRaises(ProtocolError) as raised:
                decode_frame(frame)
            self.assertEqual(raised.exception.code, code)

    def test_numbers_that_json_does_not_have_are_not_sent(self):
        for value in (float("nan"), float("inf")):
            with self.assertRaises(ValueError):
                encode_message({"type": "x", "value": value})
