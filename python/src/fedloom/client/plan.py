"""Training plans, PROTOCOL.md section 9: reads one and runs its graphs with ONNX Runtime."""

import json
import os

import numpy as np

from . import philox
from .errors import ClientError, NotWanted
from .extras import extra
from .plan_check import check_graph
from .tensors import by_name

MAGIC = b"FEDLOOM\x02"
HEADER_BYTES = 28
# Samples in one call of a graph at most, so that a call's memory is bounded. Results do not depend on it.
CALL_SAMPLES = 8192
# Samples that are evaluated at a time; sums depend on it in their last bits.
EVALUATION_SLICE = 2000


def onnx_runtime():
    """The package. It would report its use to its maker by default. Raises `ClientError` `client.package`."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    runtime = extra("onnxruntime")
    runtime.disable_telemetry_events()
    return runtime


def always():
    return True


class Plan:
    def __init__(self, data, device="cpu"):
        """`device`: `cpu`, `cuda` or `cuda:1`; results are equal to the bit between clients on `cpu` alone.

        Raises `ClientError` `client.plan`, `plan.graph`, `client.device`, `client.package`."""
        if data[:8] != MAGIC:
            raise ClientError("client.plan", "What the server sent is no training plan of file version 2.")
        lengths = [int.from_bytes(data[at : at + 4], "little") for at in range(8, HEADER_BYTES, 4)]
        sections, start = [], HEADER_BYTES
        for length in lengths:
            sections.append(data[start : start + length])
            start += length
        if start != len(data):
            raise ClientError("client.plan", "The training plan that the server sent is not whole.")
        self.manifest = json.loads(sections[0])
        self.graphs = {}
        named = list(zip(("train", "evaluate", "finish"), sections[1:4]))
        for name, graph in named:
            if graph:
                check_graph(name, graph)
        for name, graph in named:
            if graph:
                self.graphs[name] = (_session(graph, device), self.manifest["graphs"][name])
        self.parameters = {parameter["name"]: parameter for parameter in self.manifest["parameters"]}
        self.private_start = self._private_start(sections[4])

    def _private_start(self, data):
        values, tensors = np.frombuffer(data, "<f4"), {}
        for name in by_name(name for name, parameter in self.parameters.items() if parameter["scope"] == "private"):
            shape = self.parameters[name]["shape"]
            size = int(np.prod(shape, dtype=np.int64))
            tensors[name], values = values[:size].reshape(shape), values[size:]
        return tensors

    @property
    def travels(self):
        """Names of the parameters that an update holds."""
        return [
            name
            for name, parameter in self.parameters.items()
            if parameter["scope"] == "shared" and parameter["role"] != "frozen" and parameter["fold"] != "keep"
        ]

    @property
    def deltas(self):
        """Names of the trained floats: what stages see."""
        trained = (name for name in self.travels if self.parameters[name]["role"] == "trained")
        return [name for name in trained if self.travels_as_delta(name)]

    def travels_as_delta(self, name):
        parameter = self.parameters[name]
        return parameter["dtype"].startswith("float") and parameter["fold"] != "max"

    def initial_state(self):
        """A client's private tensors before its first training: `slot/parameter` for the algorithm's (they start as
        zeros), and its private parameters under their names."""
        state = dict(self.private_start)
        for port in self.ports("train", "inputs") + self.ports("finish", "inputs"):
            if port["source"] == "state":
                state[key_of(port)] = np.zeros(port["shape"], port["dtype"])
        return state

    def ports(self, graph, side):
        return self.graphs[graph][1][side] if graph in self.graphs else []

    def train(self, model, state, samples, scalars, *, seed, task, client, wanted=always):
        """One local training. `model`: the server's tensors; `state`: the client's committed private tensors.
        Returns the update's tensors, the facts, and the private tensors after it.

        Raises `NotWanted` soon after `wanted()` has become false."""
        x, y = samples
        values = self._values(model, state, samples, scalars)
        order = philox.batch_order(len(x), self.manifest["training"], seed, task, client)
        random, stream = self.manifest.get("random", []), philox.Stream(seed, "layers", task, client)
        losses, done = [], 0
        for rows in pieces(order):
            if not wanted():
                raise NotWanted
            values["order", None, None] = rows
            values["stepCount", None, None] = np.float32(done)
            for name, numbers in philox.drawn(random, *rows.shape, stream).items():
                values["random", name, None] = numbers
            done += len(rows)
            out = self._run("train", values)
            step_losses = out.pop(id_of({"source": "sampleLoss"}))
            losses += [mean(loss[row >= 0]) for loss, row in zip(step_losses, rows)]
            values.update(out)  # what comes out is what goes in next: parameters and the optimiser's state
        values["stepCount", None, None] = np.float32(len(order))
        finished = self._run("finish", values) if "finish" in self.graphs else {}
        tensors, private = {}, {}
        for name, parameter in self.parameters.items():
            after = values["parameter", name, None]
            if parameter["scope"] == "private":
                private[name] = after
            elif name in self.travels:
                tensors[name] = after - model[name] if self.travels_as_delta(name) else after
        for (source, name, slot), value in finished.items():
            {"upload": tensors, "state": private}[source][f"{slot}/{name}"] = value
        facts = {"sampleCount": len(x), "stepCount": len(order)}
        if losses:
            facts["meanLoss"] = mean(losses)
        return tensors, facts, {**state, **private}

    def evaluate(self, model, state, samples, wanted=always):
        """metric -> {sum, weight} over the samples. Raises `NotWanted` soon after `wanted()` has become false."""
        count = len(samples[0])
        if count == 0:
            return {}
        slices = [[part[at : at + EVALUATION_SLICE] for part in samples] for at in range(0, count, EVALUATION_SLICE)]
        sums = [self._sums(model, state, part, wanted) for part in slices]
        return {name: {"sum": added([part[name] for part in sums]), "weight": count} for name in sums[0]}

    def _sums(self, model, state, samples, wanted=always):
        count = len(samples[0])
        steps = -(-count // self.manifest["evaluation"]["batchSize"])
        batch = -(-count // steps)
        rows = np.full(steps * batch, -1, np.int64)
        rows[:count] = np.arange(count)
        rows = rows.reshape(steps, batch)
        values = self._values(model, state, samples, {})
        sums = {metric["name"]: start_of(metric) for metric in self.manifest["metrics"]}
        for piece in pieces(rows):
            if not wanted():
                raise NotWanted
            values["order", None, None] = piece
            for (_, name, _), metric in self._run("evaluate", values).items():
                for row, places in zip(metric, piece):
                    sums[name] = added([sums[name], row_sum(row[places >= 0])])
        return sums

    def initial_loss(self, model, state, samples):
        return self._sums(model, state, samples)["loss"] / len(samples[0])

    def _values(self, model, state, samples, scalars):
        """What stands behind every input, by (source, name, slot)."""
        values = {("x", None, None): samples[0], ("y", None, None): samples[1]}
        for name, parameter in self.parameters.items():
            start = state[name] if parameter["scope"] == "private" else model[name]
            values["parameter", name, None] = values["global", name, None] = start
        for name, value in {**self.manifest["scalars"], **scalars}.items():
            values["scalar", name, None] = np.float32(value)
        for graph in self.graphs:
            for port in self.ports(graph, "inputs"):
                if port["source"] == "broadcast":
                    values[id_of(port)] = model[key_of(port)]
                elif port["source"] == "state":
                    values[id_of(port)] = state[key_of(port)]
                elif port["source"] == "optimizer":
                    values[id_of(port)] = np.zeros(port["shape"], port["dtype"])
        return values

    def _run(self, graph, values):
        session, spec = self.graphs[graph]
        feeds = {port["port"]: np.asarray(values[id_of(port)], port["dtype"], order="C") for port in spec["inputs"]}
        outputs = session.run([port["port"] for port in spec["outputs"]], feeds)
        return {id_of(port): value for port, value in zip(spec["outputs"], outputs)}


def _session(graph, device):
    """One thread, one operator after the other: sums are then always taken in the same order."""
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    if "CUDAExecutionProvider" not in runtime.get_available_providers():
        raise ClientError(
            "client.device",
            "The onnxruntime that is installed here knows no CUDA: pip uninstall onnxruntime && pip install onnxruntime-gpu.",
        )
    cuda = ("CUDAExecutionProvider", {"device_id": number or "0", "use_tf32": "0"})
    session = runtime.InferenceSession(graph, options, providers=[cuda, "CPUExecutionProvider"])
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise ClientError(
            "client.device",
            f"ONNX Runtime cannot use {device} here: are the CUDA and cuDNN libraries installed that this version needs?",
        )
    return session


def key_of(port):
    return f"{port['slot']}/{port['name']}"


def id_of(port):
    """Inputs and outputs that hold the same thing have the same id."""
    if port["source"] in ("x", "y", "order", "stepCount", "sampleLoss"):
        return port["source"], None, None
    return port["source"], port["name"], port.get("slot")


def pieces(order):
    """The steps in calls of a bounded size."""
    steps = max(1, CALL_SAMPLES // max(1, order.shape[1]))
    return [order[at : at + steps] for at in range(0, len(order), steps)]


def total(values):
    """In float64 and in order: neither numpy's pairwise sum nor Python's compensated one."""
    sum_so_far = 0.0
    for value in values:
        sum_so_far += float(value)
    return sum_so_far


def start_of(metric):
    return [0.0] * metric["size"] if "size" in metric else 0.0


def row_sum(row):
    """Of a metric's values, or of each of its columns where it is several numbers a sample."""
    return total(row) if row.ndim == 1 else [total(column) for column in row.T]


def added(sums):
    """Numbers, or lists of them element by element."""
    return [total(column) for column in zip(*sums)] if isinstance(sums[0], list) else total(sums)


def mean(values):
    return total(values) / len(values)
