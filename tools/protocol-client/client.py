"""A client of fedloom in Python: joins a server and trains the plan that it ships, on part folders.

    python client.py --server ws://127.0.0.1:8080 --index 0-4 --data parts

Written from PROTOCOL.md: an example of how a client in another language goes about it. Private state lives in memory;
it outlives a broken connection, not this process.
"""

import argparse
import json
import math
import pathlib
import random
import sys
import time

from websockets.exceptions import ConnectionClosed, InvalidHandshake

import stages
import tensors
from plan import Plan
from wire import Connection, ProtocolError, Refused

VERSION = 2
EVALUATIONS_MAX = 256
KNOWN_FACTS = {"initialLoss"}


class Part:
    """A part folder: `train.safetensors` and, where there are test samples, `test.safetensors` with `x` and `y`."""

    def __init__(self, folder):
        self.train, self.test = (self._samples(folder / f"{name}.safetensors") for name in ("train", "test"))

    @staticmethod
    def _samples(file):
        if not file.exists():
            return [], []
        values = tensors.decode(file.read_bytes())
        return values["x"], values["y"]


class Member:
    """One client of the federation: its samples and its private state, PROTOCOL.md section 7."""

    def __init__(self, part):
        self.part = part
        self.committed = None  # private tensors; those of stages under (stage, tensor)
        self.pending = None  # (task, private tensors)
        self.finished = None  # (task, hash of the base, message, body) of the last update

    def settle(self, task, counted):
        if self.finished is not None and self.finished[0] == task:
            self.finished = None
        if self.pending is not None and self.pending[0] == task:
            if counted:
                self.committed = self.pending[1]
            self.pending = None


class Client:
    def __init__(self, options):
        self.options = options
        self.members = {index: Member(Part(part_folder(options, index))) for index in options.index}
        self.run, self.plan, self.plan_hash, self.frozen_hash, self.sent = None, None, None, None, 0
        self.frozen = {}

    def take_part(self):
        """Until the run is over; dials again, with growing pauses, when the connection breaks."""
        pause, give_up = 0.1, time.monotonic() + self.options.retry_for
        while True:
            connection = None
            try:
                connection = Connection(self.options.server)
                self.enter(connection)
                pause, give_up = 0.1, time.monotonic() + self.options.retry_for
                return self.serve(connection)
            except ProtocolError as error:
                connection.fail(error)
                raise
            except Refused as refusal:
                # The server may not have noticed yet that the last connection is gone.
                if refusal.code != "join.held" or time.monotonic() > give_up:
                    raise
            except (ConnectionClosed, InvalidHandshake, OSError) as error:
                print(f"connection lost: {error}", file=sys.stderr)
                if time.monotonic() > give_up:
                    raise
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, 5)

    def enter(self, connection):
        """Handshake, plan and join."""
        self.models = {}
        hello = {"type": "hello", "versions": [VERSION], "software": "protocol-client/1", "capabilities": []}
        connection.send(hello)
        challenge = expect(connection, "challenge")[0]
        if "none" not in challenge["methods"]:
            raise ProtocolError("protocol.auth", f"no common auth method: {challenge['methods']}")
        connection.send({"type": "auth", "method": "none"})
        welcome = expect(connection, "welcome")[0]
        if self.run not in (None, welcome["run"]):
            raise SystemExit("another run began; the private state of the last does not belong to it")
        if welcome["workload"]["kind"] != "plan":
            raise SystemExit("this run trains code of its own, not a plan")
        if not set(welcome["needs"]) <= KNOWN_FACTS:
            raise SystemExit(f"the run needs facts that this client lacks: {welcome['needs']}")
        self.run, self.seed, self.needs = welcome["run"], welcome["seed"], welcome["needs"]
        self.stages = stages.from_welcome(welcome["stages"])
        if self.plan_hash != welcome["workload"]["hash"]:
            self.get_plan(connection, welcome["workload"]["hash"])
        if self.frozen_hash != welcome["workload"].get("frozen"):
            self.get_frozen(connection, welcome["workload"]["frozen"])
        connection.send({"type": "join", "clients": [{"from": index, "count": 1} for index in self.members]})

    def get_plan(self, connection, wanted):
        connection.send({"type": "getPlan", "hash": wanted})
        _, body = expect(connection, "plan")
        if tensors.sha256(body) != wanted:
            raise ProtocolError("protocol.body", "the plan does not have its hash")
        self.plan, self.plan_hash = Plan(body), wanted
        for member in self.members.values():
            member.committed = self.plan.initial_state()

    def get_frozen(self, connection, wanted):
        connection.send({"type": "getFrozen", "hash": wanted})
        _, body = expect(connection, "frozen")
        if tensors.sha256(body) != wanted:
            raise ProtocolError("protocol.body", "the frozen parameters do not have their hash")
        self.frozen, self.frozen_hash = tensors.decode(body), wanted

    def serve(self, connection):
        while True:
            message, body = connection.receive()
            kind = message["type"]
            if kind == "model":
                if tensors.sha256(body) != message["version"]["hash"]:
                    raise ProtocolError("protocol.body", "the model does not have its hash")
                self.models[message["version"]["hash"]] = {**self.frozen, **tensors.decode(body)}
            elif kind == "forget":
                for version in message["versions"]:
                    self.models.pop(version["hash"], None)
            elif kind == "train":
                for index in message["clients"]:
                    self.train(connection, message, index)
            elif kind == "settled":
                for index in message["clients"]:
                    self.members[index].settle(message["task"], message["counted"])
                if not message["counted"]:
                    print(f"not counted: {message.get('code')}: {message.get('reason')}", file=sys.stderr)
            elif kind == "evaluate":
                self.evaluate(connection, message)
            elif kind == "finish":
                connection.close()
                return message
            elif kind != "joined":
                raise ProtocolError("protocol.unknown-message", f"unknown message {kind}")

    def train(self, connection, request, index):
        member, task, base = self.members[index], request["task"], request["base"]
        again = member.finished is not None and member.finished[:2] == (task, base["hash"])
        if not again:
            try:
                member.finished = (task, base["hash"], *self.trained(member, request, index))
            except Exception as error:  # whatever it is, it costs this client this round
                return self.fail(connection, error, task=task, attempt=request["attempt"], client=index, phase="train")
        message, body = member.finished[2:]
        connection.send({**message, "attempt": request["attempt"]}, body)
        self.sent += 1
        if self.sent == self.options.break_after:
            connection.break_line()

    def trained(self, member, request, index):
        started = time.monotonic()
        model, samples = self.models[request["base"]["hash"]], member.part.train
        options = {"seed": self.seed, "task": request["task"], "client": index}
        facts = {}
        if "initialLoss" in self.needs:
            facts["initialLoss"] = self.plan.initial_loss(model, member.committed, samples)
        update, more, state = self.plan.train(model, member.committed, samples, request["scalars"], **options)
        trained = {name for name in self.plan.deltas if name in update}
        for name, stage in self.stages:
            own = {key[1]: value for key, value in state.items() if key[0] == name and isinstance(key, tuple)}
            update, trained, kept = stage.run(update, trained, own)
            state = {**state, **{(name, key): value for key, value in kept.items()}}
        member.pending = (request["task"], state)
        message = {
            "type": "update",
            "task": request["task"],
            "client": index,
            "base": request["base"],
            "facts": {name: fact for name, fact in {**facts, **more}.items() if math.isfinite(fact)},
            "trainMs": 1000 * (time.monotonic() - started),
        }
        return message, tensors.encode(update)

    def evaluate(self, connection, request):
        asked = [index for part in request["clients"] for index in range(part["from"], part["from"] + part["count"])]
        entries = []
        for index in asked:
            try:
                entries.append(self.evaluated(request, index))
            except Exception as error:
                self.fail(connection, error, task=request["round"], attempt=0, client=index, phase="evaluate")
        for at in range(0, len(entries), EVALUATIONS_MAX):
            part = entries[at : at + EVALUATIONS_MAX]
            connection.send({"type": "evaluations", "round": request["round"], "entries": part})

    def evaluated(self, request, index):
        member, model = self.members[index], self.models[request["model"]["hash"]]
        statistics = self.plan.evaluate(model, member.committed, member.part.test)
        if not all(math.isfinite(statistic["sum"]) for statistic in statistics.values()):
            raise ValueError("a metric is not finite: has the training diverged?")
        return {"client": index, "sampleCount": len(member.part.test[0]), "statistics": statistics}

    @staticmethod
    def fail(connection, error, **job):
        connection.send({"type": "failed", **job, "code": "client.failed", "message": str(error)[:4096]})


def expect(connection, kind):
    message, body = connection.receive()
    if message["type"] != kind:
        raise ProtocolError("protocol.order", f"{message['type']} in place of {kind}")
    return message, body


def part_folder(options, index):
    folder = pathlib.Path(options.data)
    return folder if (folder / "part.json").exists() else folder / f"client-{index}"


def indices(text):
    parts = [part.split("-") for part in text.split(",")]
    return [index for part in parts for index in range(int(part[0]), int(part[-1]) + 1)]


def main():
    parser = argparse.ArgumentParser(description="Takes part in a federation as one or more clients.")
    parser.add_argument("--server", required=True, help="ws://HOST:PORT")
    parser.add_argument("--index", required=True, type=indices, help="clients of this process: 7, 0-4 or 0-4,9")
    parser.add_argument("--data", required=True, help="a part folder, or a folder with client-<index> for each")
    parser.add_argument("--retry-for", type=float, default=60, help="seconds to go on trying to reach the server")
    parser.add_argument("--break-after", type=int, help="break the line after so many updates, once (for tests)")
    finish = Client(parser.parse_args()).take_part()
    print(json.dumps(finish))
    sys.exit(0 if finish["reason"] == "completed" else 1)


if __name__ == "__main__":
    main()
