"""Holds the client in Python against the protocol's vectors: PROTOCOL.md section 14.

    python python/tests/check_vectors.py tools/goldens/data/protocol
"""

import json
import pathlib
import sys

import numpy as np

from fedloom.client import philox, tensors
from fedloom.client.plan import Plan
from fedloom.client.stages import Clip, TopK


def check(what, actual, expected):
    if actual != expected:
        sys.exit(f"{what}: {actual} in place of {expected}")


def check_plan(folder):
    vectors = json.loads((folder / "vectors.json").read_text())
    plan_bytes, model_bytes = (folder / "tiny.plan").read_bytes(), (folder / "model.safetensors").read_bytes()
    check("plan", tensors.sha256(plan_bytes), vectors["plan"])
    check("model", tensors.sha256(model_bytes), vectors["model"])
    plan, model = Plan(plan_bytes), tensors.decode(model_bytes)
    train, test = (
        [tensors.decode((folder / f"{split}.safetensors").read_bytes())[name] for name in ("x", "y")]
        for split in ("train", "test")
    )
    state = plan.initial_state()
    for training in vectors["trainings"]:
        key = {"seed": vectors["seed"], "task": training["task"], "client": vectors["client"]}
        order = philox.batch_order(len(train[0]), plan.manifest["training"], **key)
        check("order", order.ravel().tolist(), training["order"])
        update, facts, state = plan.train(model, state, train, {}, **key)
        check("facts", facts, training["facts"])
        check("update", tensors.sha256(tensors.encode(update)), training["update"])
    check("evaluation", plan.evaluate(model, state, test), vectors["evaluation"]["statistics"])


def check_stages():
    deltas = {"a": np.float32([1, -5, 2]), "b": np.float32([4, -3])}
    stage, state = TopK({"fraction": 0.4}), {}
    for indices, values, kept in [
        ([1, 3], [-5, 4], [[1, 0, 2], [0, -3]]),
        ([1, 4], [-5, -6], [[2, 0, 4], [4, 0]]),
    ]:
        sent, _, state = stage.run(deltas, {"a", "b"}, state)
        check("topK", [sent["topK/indices"].tolist(), sent["topK/values"].tolist()], [indices, values])
        check("residual", [state[name].tolist() for name in "ab"], kept)
    sent, _, _ = Clip({"norm": 2.5}).run({"a": np.float32([3]), "b": np.float32([-4])}, {"a", "b"}, {})
    check("clip", [sent["a"].tolist(), sent["b"].tolist()], [[1.5 - 2**-23], [-2 + 2**-23]])


if __name__ == "__main__":
    check_plan(pathlib.Path(sys.argv[1]))
    check_stages()
    print("all vectors hold")
