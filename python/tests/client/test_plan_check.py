"""Graphs that a compiler did not make."""

import pathlib
import re
import unittest

from fedloom.client.errors import ClientError
from fedloom.client.plan_check import OPERATORS, check_graph

ROOT = pathlib.Path(__file__).parents[3]


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def content(field, *parts):
    data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field << 3 | 2) + varint(len(data)) + data


VERSION = content(8, number(2, 21))


def node(operator, *parts):
    return content(1, content(4, operator), *parts)


def model(*parts):
    return VERSION + content(7, *parts)


def loop(*parts):
    return node("Loop", content(5, content(1, "body"), content(6, *parts), number(20, 5)))


class PlanCheck(unittest.TestCase):
    def refused(self, graph, text):
        with self.assertRaises(ClientError) as caught:
            check_graph("train", graph)
        self.assertEqual(caught.exception.code, "plan.graph")
        self.assertIn(text, caught.exception.message)

    def graphs(self):
        data = (ROOT / "tools/goldens/data/protocol/tiny.plan").read_bytes()
        lengths = [int.from_bytes(data[at : at + 4], "little") for at in range(8, 28, 4)]
        start = 28 + lengths[0]
        for length in lengths[1:4]:
            yield data[start : start + length]
            start += length

    def test_compiled_graphs_pass(self):
        for graph in self.graphs():
            check_graph("train", graph)

    def test_truncated_graphs_do_not(self):
        graph = next(self.graphs())
        for length in range(0, len(graph), 7):
            self.refused(graph[:length], "refused")

    def test_the_operators_are_those_of_the_protocol(self):
        text = (ROOT / "PROTOCOL.md").read_text()
        listed = re.search("with these attributes: (.*?)\\. Constants", text).group(1)
        found = {name: set(re.findall("`(\\w+)`", more)) for name, more in re.findall("`(\\w+)`(?: \\(([^)]*)\\))?", listed)}
        self.assertEqual(found, OPERATORS)

    def test_what_no_compiled_plan_has(self):
        secret = content(5, content(13, content(1, "location"), content(2, "secrets.txt")))
        self.refused(model(secret), "a constant has the field 13")
        self.refused(model(loop(secret)), "a constant has the field 13")
        self.refused(model(node("ConstantOfShape")), "the operator 'ConstantOfShape'")
        self.refused(model(node("Add", content(7, "com.microsoft"))), "com.microsoft")
        self.refused(model(node("Conv", content(5, content(1, "auto_pad")))), "the attribute 'auto_pad'")
        self.refused(content(8, number(2, 20)) + content(7), "of version [20]")
        self.refused(model() + content(7), "the model has the field 7 twice")
        self.refused(model() + content(25, "f"), "the model has the field 25")
        deep = b""
        for _ in range(12):
            deep = loop(deep)
        self.refused(model(deep), "nested more than 8 deep")


if __name__ == "__main__":
    unittest.main()
