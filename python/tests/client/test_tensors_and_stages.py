"""Tensors as they travel, and what stages make of updates that have no end."""

import unittest

import numpy as np

from fedloom.client.errors import ClientError
from fedloom.client.stages import Stages
from fedloom.client.tensors import by_name, decode, encode
from fedloom.client.work import changes


class Tensors(unittest.TestCase):
    def test_every_dtype_comes_back(self):
        tensors = {
            kind: np.array([[0, 1, 1]], kind) for kind in ("float32", "float64", "float16", "int32", "int64", "uint8", "bool")
        }
        tensors["scalar"], tensors["none"] = np.int64(3), np.zeros((0, 4), np.float32)
        back = decode(encode(tensors))
        for name, tensor in tensors.items():
            self.assertEqual((back[name].dtype, back[name].shape), (tensor.dtype, tensor.shape))
            self.assertEqual(back[name].tolist(), tensor.tolist())
        self.assertEqual(encode(dict(reversed(list(tensors.items())))), encode(tensors))

    def test_names_go_by_utf16(self):
        self.assertEqual(by_name(["\ue000", "\U0001f600", "a"]), ["a", "\U0001f600", "\ue000"])

    def test_bytes_that_are_no_tensors_are_refused(self):
        good = encode({"a": np.zeros(2, np.float32)})
        for body in (b"", b"\0" * 8, good[:-1], good + b"x", good.replace(b"[0,8]", b"[1,9]"), good.replace(b"F32", b"I64")):
            with self.subTest(body=body), self.assertRaises(ClientError) as raised:
                decode(body)
            self.assertEqual(raised.exception.code, "safetensors.invalid")


class WhatTravels(unittest.TestCase):
    def test_changes_of_a_trainer(self):
        before = {"w": np.float32([1, 2]), "n": np.array(3, np.int64)}
        update = changes({"w": np.float32([1.5, 2]), "n": np.array(5, np.int64)}, before)
        self.assertEqual({name: value.tolist() for name, value in update.items()}, {"w": [0.5, 0], "n": 5})
        for after in ({"w": before["w"]}, {**before, "w": np.zeros(3, np.float32)}, {**before, "w": np.zeros(2)}):
            with self.assertRaises(ClientError) as raised:
                changes(after, before)
            self.assertEqual(raised.exception.code, "python.params")

    def test_stages_refuse_what_they_cannot_send(self):
        for name, options in (("topK", {"fraction": 0.5}), ("clip", {"norm": 1})):
            stages = Stages([{"name": name, "options": options}])
            with self.assertRaises(ClientError) as raised:
                stages.apply({"w": np.float32([1, np.nan])}, {"w"}, {})
            self.assertEqual(raised.exception.code, "stage.failed")

    def test_stages_that_are_not_known_are_refused(self):
        for descriptor, code in [
            ({"name": "mask", "options": {}}, "stage.unknown"),
            ({"name": "topK", "options": {"fraction": 0}}, "stage.option"),
            ({"name": "clip", "options": {"norm": 1, "kind": 2}}, "stage.option"),
            ({"name": "clip", "options": {}}, "stage.option"),
        ]:
            with self.assertRaises(ClientError) as raised:
                Stages([descriptor])
            self.assertEqual(raised.exception.code, code)

    def test_a_stage_keeps_its_own(self):
        stages = Stages([{"name": "topK", "options": {"fraction": 0.5}}])
        sent, kept = stages.apply({"w": np.float32([1, 3])}, {"w"}, {"control/w": np.float32([9, 9])})
        self.assertEqual((sent["topK/values"].tolist(), kept["stage:topK/w"].tolist()), ([3], [1, 0]))
        sent, kept = stages.apply({"w": np.float32([1, 0])}, {"w"}, kept)
        self.assertEqual((sent["topK/values"].tolist(), kept["stage:topK/w"].tolist()), ([2], [0, 0]))
