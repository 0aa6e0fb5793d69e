"""Bodies in streams, against a server of the websockets package that says what a test wants."""

import json
import threading
import unittest

from websockets.sync.server import serve

from fedloom.client.connection import Connection
from fedloom.client.errors import ConnectionLost, ProtocolError, Refused
from fedloom.client.frames import Chunk, decode_frame, encode_chunk, encode_message


class Server:
    """Runs `talk(socket)` for the one connection that comes."""

    def __init__(self, talk):
        self.failure = None

        def handle(socket):
            try:
                talk(socket)
            except BaseException as error:
                self.failure = error

        self._server = serve(handle, "127.0.0.1", 0, compression=None, max_size=None)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = "ws://127.0.0.1:%d" % self._server.socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        if self.failure is not None:
            raise self.failure


def text_of(frame):
    return decode_frame(frame).message


class Streams(unittest.TestCase):
    def test_a_large_body_goes_within_its_grants(self):
        body = bytes(range(256)) * 8192  # 2 MiB
        received = bytearray()

        def talk(socket):
            announced = text_of(socket.recv())
            self.assertEqual(announced, {"type": "update", "body": {"stream": 1, "bytes": len(body)}})
            for granted in (5, 1_500_000, len(body) - 1_500_005):
                socket.send(encode_message({"type": "grant", "stream": 1, "bytes": granted}))
                end = len(received) + granted
                while len(received) < end:
                    chunk = decode_frame(socket.recv())
                    self.assertIsInstance(chunk, Chunk)
                    self.assertEqual((chunk.stream, chunk.offset), (1, len(received)))
                    received.extend(chunk.payload)
                self.assertEqual(len(received), end)

        with Server(talk) as server:
            connection = Connection(server.url)
            # Grants are taken by whoever receives.
            receiving = threading.Thread(target=self._until_lost, args=(connection,))
            receiving.start()
            connection.send({"type": "update"}, body)
            receiving.join()
        self.assertEqual(bytes(received), body)

    def test_a_body_that_is_declined_is_given_up(self):
        body = bytes(100_000)

        def talk(socket):
            self.assertEqual(text_of(socket.recv())["body"]["stream"], 1)
            socket.send(encode_message({"type": "decline", "stream": 1}))
            self.assertEqual(text_of(socket.recv()), {"type": "leave"})

        with Server(talk) as server:
            connection = Connection(server.url)
            receiving = threading.Thread(target=self._until_lost, args=(connection,))
            receiving.start()
            connection.send({"type": "update"}, body)
            connection.send({"type": "leave"})
            receiving.join()

    def _until_lost(self, connection):
        with self.assertRaises(ConnectionLost):
            connection.receive()

    def test_bodies_that_come_are_granted_whole_and_put_together(self):
        def talk(socket):
            for stream, name in ((1, "a"), (4, "b")):
                socket.send(encode_message({"type": name, "body": {"stream": stream, "bytes": 4}}))
                self.assertEqual(text_of(socket.recv()), {"type": "grant", "stream": stream, "bytes": 4})
            for stream, offset, payload in ((4, 0, b"wx"), (1, 0, b"abcd"), (4, 2, b"yz")):
                socket.send(encode_chunk(stream, offset, payload))

        with Server(talk) as server:
            connection = Connection(server.url)
            self.assertEqual([connection.receive(), connection.receive()], [({"type": "a"}, b"abcd"), ({"type": "b"}, b"wxyz")])
            connection.close()

    def test_what_breaks_the_rules_of_streams(self):
        announce = encode_message({"type": "a", "body": {"stream": 2, "bytes": 4}})
        for frames, code in [
            ([encode_message({"type": "grant", "stream": 1, "bytes": 1})], "protocol.stream"),
            ([encode_message({"type": "grant", "stream": 1, "bytes": 0})], "protocol.message"),
            ([encode_chunk(1, 0, b"x")], "protocol.stream"),
            ([announce, encode_chunk(2, 1, b"x")], "protocol.offset"),
            ([announce, encode_chunk(2, 0, b"12345")], "protocol.overrun"),
            ([announce, announce], "protocol.stream"),
            ([encode_message({"type": "a", "body": {"stream": 1}})], "protocol.body"),
            ([encode_message({"type": "a", "body": {"stream": 1, "bytes": 2**40}})], "protocol.body-size"),
            ([encode_message({"type": "a", "body": {"stream": 1, "bytes": 1}}, b"x")], "protocol.body"),
        ]:

            def talk(socket, frames=frames):
                for frame in frames:
                    socket.send(frame)
                said = [text_of(frame) for frame in socket]
                self.assertEqual((said[-1]["type"], said[-1]["code"]), ("error", code))

            with self.subTest(code=code), Server(talk) as server:
                connection = Connection(server.url)
                with self.assertRaises(ProtocolError) as raised:
                    connection.receive()
                self.assertEqual(raised.exception.code, code)
                connection.fail(raised.exception)

    def test_what_ends_a_connection(self):
        def refuse(socket):
            socket.send(encode_message({"type": "error", "code": "join.held", "message": "held"}))

        with Server(refuse) as server, self.assertRaises(Refused) as raised:
            Connection(server.url).receive()
        self.assertEqual((raised.exception.code, raised.exception.message), ("join.held", "held"))
        with Server(lambda socket: socket.send("text")) as server, self.assertRaises(ConnectionLost):
            Connection(server.url).receive()
        with self.assertRaises(ConnectionLost):
            Connection("ws://127.0.0.1:9")
        with self.assertRaises(Refused):
            Connection("ws://[")

    def test_json_is_compact_and_in_utf8(self):
        self.assertEqual(encode_message({"a": "é", "b": [1, 2.5]}), b"\1" + json.dumps({"a": "é", "b": [1, 2.5]}, ensure_ascii=False).replace(" ", "").encode())
