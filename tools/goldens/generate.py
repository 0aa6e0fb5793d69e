"""Writes the golden vectors in data/ with PyTorch and numpy; `--check` compares instead of writing.

All random inputs come from numpy's legacy RandomState, whose streams never change. What PyTorch computes in
float32 may differ in the last bits between processors, so --check compares computed floats to a tolerance
and everything else exactly. README.md describes the files.
"""

import argparse
import json
import math
import pathlib
import sys

import numpy as np
import torch

import convolutions
from sequences import sequences

DATA = pathlib.Path(__file__).resolve().parent / "data"
FILE_BYTES_MAX = 150_000


def numbers(array):
    """Nested lists of plain numbers; a float32 becomes the shortest decimal that reads back as itself."""
    array = np.asarray(array)
    if array.dtype == np.float32 and array.ndim == 1:
        return [float(str(value)) for value in array]
    if array.ndim > 1:
        return [numbers(row) for row in array]
    return array.tolist()


# --- training steps -------------------------------------------------------------------------------------


def dense(inputs, outputs):
    return {"type": "dense", "inputs": inputs, "outputs": outputs}


def conv2d(inputs, outputs, kernel, stride, padding):
    sizes = {"kernel": kernel, "stride": stride, "padding": padding}
    return {"type": "conv2d", "inputs": inputs, "outputs": outputs, **sizes}


def embedding_bag(vocabulary, outputs, padding):
    return {"type": "embeddingBag", "vocabulary": vocabulary, "outputs": outputs, "padding": padding}


def embedding(vocabulary, outputs):
    return {"type": "embedding", "vocabulary": vocabulary, "outputs": outputs}


RELU = {"type": "relu"}
TANH = {"type": "tanh"}
SIGMOID = {"type": "sigmoid"}
FLATTEN = {"type": "flatten"}
GLOBAL_AVERAGE = {"type": "globalAveragePool2d"}
POOL = {"type": "maxPool2d", "kernel": 2, "stride": 2}

MLP = [dense(12, 8), RELU, dense(8, 8), RELU, dense(8, 4)]
MCMAHAN_CNN = [
    conv2d(1, 3, 5, 1, 2), RELU, POOL,
    conv2d(3, 4, 5, 1, 2), RELU, POOL,
    FLATTEN, dense(16, 6), RELU, dense(6, 3),
]  # fmt: skip
AVERAGING_CNN = [
    conv2d(1, 3, 3, 1, 1), TANH, {"type": "averagePool2d", "kernel": 2, "stride": 2},
    conv2d(3, 4, 3, 1, 1), SIGMOID, {"type": "averagePool2d", "kernel": 3, "stride": 1},
    GLOBAL_AVERAGE, dense(4, 3),
]  # fmt: skip
BAG_OF_WORDS = [embedding_bag(9, 5, 0), dense(5, 1)]
WORDS_IN_ORDER = [embedding(9, 3), FLATTEN, dense(18, 6), TANH, dense(6, 1)]
REGRESSION = [dense(6, 8), SIGMOID, dense(8, 1)]
STRIDED_CNN = [conv2d(1, 3, 3, 2, 1), RELU, conv2d(3, 4, 3, 2, 1), RELU, FLATTEN, dense(16, 3)]


def batch_norm(channels):
    return {"type": "batchNorm", "channels": channels}


def group_norm(groups, channels):
    return {"type": "groupNorm", "groups": groups, "channels": channels}


NORMED_CNN = [
    conv2d(1, 3, 3, 1, 1), batch_norm(3), RELU, {"type": "averagePool2d", "kernel": 2, "stride": 2},
    conv2d(3, 4, 3, 1, 1), batch_norm(4), {"type": "silu"}, GLOBAL_AVERAGE, dense(4, 3),
]  # fmt: skip
GROUPED_CNN = [
    conv2d(1, 4, 3, 1, 1), group_norm(2, 4), {"type": "gelu"},
    conv2d(4, 4, 3, 1, 1), {"type": "instanceNorm", "channels": 4}, {"type": "hardSwish"}, GLOBAL_AVERAGE, dense(4, 3),
]  # fmt: skip
NORMED_MLP = [
    dense(12, 8), {"type": "layerNorm", "shape": [8]}, {"type": "softplus"},
    dense(8, 8), {"type": "leakyRelu", "slope": 0.1}, dense(8, 4),
]  # fmt: skip


class GlobalAverage(torch.nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3))


def module(layer):
    kind = layer["type"]
    convolution = convolutions.module(layer)
    if convolution is not None:
        return convolution
    if kind == "embeddingBag":
        return torch.nn.EmbeddingBag(layer["vocabulary"], layer["outputs"], mode="mean", padding_idx=layer["padding"])
    if kind == "embedding":
        return torch.nn.Embedding(layer["vocabulary"], layer["outputs"])
    if kind == "averagePool2d":
        return torch.nn.AvgPool2d(layer["kernel"], layer["stride"])
    if kind == "dense":
        return torch.nn.Linear(layer["inputs"], layer["outputs"])
    if kind == "conv2d":
        channels = (layer["inputs"], layer["outputs"])
        return torch.nn.Conv2d(*channels, layer["kernel"], layer["stride"], layer["padding"])
    if kind == "maxPool2d":
        return torch.nn.MaxPool2d(layer["kernel"], layer["stride"])
    if kind == "batchNorm":
        return torch.nn.BatchNorm2d(layer["channels"])
    if kind == "groupNorm":
        return torch.nn.GroupNorm(layer["groups"], layer["channels"])
    if kind == "instanceNorm":
        return torch.nn.InstanceNorm2d(layer["channels"])
    if kind == "layerNorm":
        return torch.nn.LayerNorm(layer["shape"])
    if kind == "leakyRelu":
        return torch.nn.LeakyReLU(layer["slope"])
    plain = {
        "gelu": torch.nn.GELU,
        "silu": torch.nn.SiLU,
        "softplus": torch.nn.Softplus,
        "hardSwish": torch.nn.Hardswish,
        "relu": torch.nn.ReLU,
        "tanh": torch.nn.Tanh,
        "sigmoid": torch.nn.Sigmoid,
        "flatten": torch.nn.Flatten,
        "globalAveragePool2d": GlobalAverage,
    }
    return plain[kind]()


OPTIMISERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamW": torch.optim.AdamW,
    "rmsProp": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}

LOSSES = {
    "softmaxCrossEntropy": torch.nn.functional.cross_entropy,
    "binaryCrossEntropyWithLogits": torch.nn.functional.binary_cross_entropy_with_logits,
    "meanSquaredError": torch.nn.functional.mse_loss,
    "meanAbsoluteError": torch.nn.functional.l1_loss,
}


def batches(random, samples, batch_size, steps):
    """Mini-batches of successive epochs, each a new permutation; an epoch's last batch may be smaller."""
    result = []
    while len(result) < steps:
        order = random.permutation(samples)
        result += [order[start : start + batch_size] for start in range(0, samples, batch_size)]
    return result[:steps]


def train(layers, initial, x, y, order, arguments, dtype, loss_name="softmaxCrossEntropy", optimiser_name="sgd", clip=None):
    model = torch.nn.Sequential(*[module(layer) for layer in layers]).to(dtype)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in initial.items()}, strict=False)
    optimiser = OPTIMISERS[optimiser_name](model.parameters(), **arguments)
    inputs = torch.from_numpy(x) if x.dtype == np.int32 else torch.from_numpy(x).to(dtype)
    targets = torch.from_numpy(y) if loss_name == "softmaxCrossEntropy" else torch.from_numpy(y).to(dtype)[:, None]
    losses = []
    for batch in order:
        optimiser.zero_grad()
        loss = LOSSES[loss_name](model(inputs[batch]), targets[batch])
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        losses.append(loss.item())
    final = {name: numbers(value.numpy().ravel()) for name, value in model.state_dict().items() if name in initial}
    return {"losses": numbers(np.array(losses, str(dtype).removeprefix("torch."))), "final": final}


def training_case(name, seed, layers, input_shape, classes, samples, batch_size, steps, lr, momentum=0.0, decay=0.0):
    random = np.random.RandomState(seed)
    model = torch.nn.Sequential(*[module(layer) for layer in layers])
    initial = {}
    for key, value in model.state_dict().items():
        bound = 1 / math.sqrt(value[0].numel()) if key.endswith("weight") else 0.1
        initial[key] = random.uniform(-bound, bound, tuple(value.shape)).astype(np.float32)
    x = random.standard_normal((samples, *input_shape)).astype(np.float32)
    y = random.randint(0, classes, samples).astype(np.int64)
    order = batches(random, samples, batch_size, steps)
    sgd = {"lr": lr, "momentum": momentum, "weight_decay": decay}
    return {
        "name": name,
        "layers": layers,
        "inputShape": list(input_shape),
        "classes": classes,
        "batchSize": batch_size,
        "learningRate": lr,
        "momentum": momentum,
        "weightDecay": decay,
        "shapes": {key: list(value.shape) for key, value in initial.items()},
        "initial": {key: numbers(value.ravel()) for key, value in initial.items()},
        "x": numbers(x.reshape(samples, -1)),
        "y": numbers(y),
        "order": [numbers(batch) for batch in order],
        "float32": train(layers, initial, x, y, order, sgd, torch.float32),
        "float64": train(layers, initial, x, y, order, sgd, torch.float64),
    }


def loss_case(name, seed, layers, input_shape, loss, classes=None, vocabulary=None):
    """A run with a loss of its own: x are tokens where there is a vocabulary, y are numbers where there are no classes."""
    random = np.random.RandomState(seed)
    model = torch.nn.Sequential(*[module(layer) for layer in layers])
    initial = {}
    for key, value in model.state_dict().items():
        bound = 1 / math.sqrt(value[0].numel()) if key.endswith("weight") else 0.1
        initial[key] = random.uniform(-bound, bound, tuple(value.shape)).astype(np.float32)
    samples, batch_size, steps, lr = 13, 4, 10, 0.2
    shape = (samples, *input_shape)
    if vocabulary is None:
        x = random.standard_normal(shape).astype(np.float32)
    else:
        x = random.randint(0, vocabulary, shape).astype(np.int32)
        x[0, 2:] = 0
        x[1] = 0  # a text of padding alone
    y = random.standard_normal(samples).astype(np.float32) if classes is None else random.randint(0, classes, samples)
    order = batches(random, samples, batch_size, steps)
    sgd = {"lr": lr, "momentum": 0.5, "weight_decay": 0.0}
    return {
        "name": name,
        "layers": layers,
        "inputShape": list(input_shape),
        "tokens": vocabulary is not None,
        **({} if classes is None else {"classes": classes}),
        "loss": loss,
        "batchSize": batch_size,
        "learningRate": lr,
        "momentum": 0.5,
        "weightDecay": 0.0,
        "shapes": {key: list(value.shape) for key, value in initial.items()},
        "initial": {key: numbers(value.ravel()) for key, value in initial.items()},
        "x": numbers(x.reshape(samples, -1)),
        "y": numbers(y),
        "order": [numbers(batch) for batch in order],
        "float32": train(layers, initial, x, y, order, sgd, torch.float32, loss),
        "float64": train(layers, initial, x, y, order, sgd, torch.float64, loss),
    }


def model_case(name, seed, layers, input_shape, optimiser, clip=None):
    """A run with other layers, or another optimiser; the last batch of an epoch has one sample."""
    random = np.random.RandomState(seed)
    classes = layers[-1]["outputs"]
    initial = {}
    for key, value in torch.nn.Sequential(*[module(layer) for layer in layers]).state_dict().items():
        if key.endswith("num_batches_tracked"):  # only a momentum of None needs it
            continue
        if key.endswith("running_mean") or key.endswith("running_var"):
            initial[key] = value.numpy()
        else:
            bound = 1 / math.sqrt(value[0].numel()) if value.ndim > 1 else 0.1
            start = 1 if value.ndim == 1 and key.endswith("weight") else 0
            initial[key] = (start + random.uniform(-bound, bound, tuple(value.shape))).astype(np.float32)
    samples, batch_size, steps = 13, 4, 12
    x = random.standard_normal((samples, *input_shape)).astype(np.float32)
    y = random.randint(0, classes, samples).astype(np.int64)
    order = batches(random, samples, batch_size, steps)
    kind, settings = optimiser
    names = {"learningRate": "lr", "weightDecay": "weight_decay", "decay": "alpha"}
    arguments = {names.get(key, key): value for key, value in settings.items()}
    how = {"optimiser_name": kind, "clip": clip}
    return {
        "name": name,
        "layers": layers,
        "inputShape": list(input_shape),
        "classes": classes,
        "batchSize": batch_size,
        "optimizer": {"type": kind, **settings},
        **({} if clip is None else {"clip": clip}),
        "shapes": {key: list(value.shape) for key, value in initial.items()},
        "initial": {key: numbers(value.ravel()) for key, value in initial.items()},
        "x": numbers(x.reshape(samples, -1)),
        "y": numbers(y),
        "order": [numbers(batch) for batch in order],
        "float32": train(layers, initial, x, y, order, arguments, torch.float32, **how),
        "float64": train(layers, initial, x, y, order, arguments, torch.float64, **how),
    }


def models():
    sgd = ("sgd", {"learningRate": 0.1, "momentum": 0.5})
    cases = [
        model_case("batch-norm", 51, NORMED_CNN, (1, 8, 8), sgd),
        model_case("group-norm", 52, GROUPED_CNN, (1, 8, 8), sgd),
        model_case("layer-norm", 53, NORMED_MLP, (12,), sgd),
        model_case("adam", 54, MLP, (12,), ("adam", {"learningRate": 0.01, "weightDecay": 0.01})),
        model_case("adamW", 55, MLP, (12,), ("adamW", {"learningRate": 0.01, "weightDecay": 0.1})),
        model_case("rms-prop", 56, MLP, (12,), ("rmsProp", {"learningRate": 0.01, "decay": 0.9, "momentum": 0.5})),
        model_case("adagrad", 57, MLP, (12,), ("adagrad", {"learningRate": 0.05, "weightDecay": 0.01})),
        model_case("clipped", 58, MLP, (12,), ("adam", {"learningRate": 0.01}), clip=0.3),
    ]
    return {"torch": torch.__version__, "cases": cases}


def convolutional():
    sgd = ("sgd", {"learningRate": 0.1, "momentum": 0.5})
    cases = [
        model_case(name, 61 + index, layers, (1, 8, 8), sgd)
        for index, (name, layers) in enumerate(convolutions.MODELS.items())
    ]
    return {"torch": torch.__version__, "cases": cases}


def losses_sgd():
    text = {"input_shape": (6,), "vocabulary": 9, "classes": 2, "loss": "binaryCrossEntropyWithLogits"}
    cases = [
        loss_case("bag-of-words", 41, BAG_OF_WORDS, **text),
        loss_case("words-in-order", 42, WORDS_IN_ORDER, **text),
        loss_case("averaging-cnn", 43, AVERAGING_CNN, (1, 8, 8), "softmaxCrossEntropy", classes=3),
        loss_case("squared-error", 44, REGRESSION, (6,), "meanSquaredError"),
        loss_case("absolute-error", 45, REGRESSION, (6,), "meanAbsoluteError"),
    ]
    return {"torch": torch.__version__, "cases": cases}


def mlp_sgd():
    common = {"layers": MLP, "input_shape": (12,), "classes": 4, "batch_size": 5, "lr": 0.1}
    cases = [
        training_case("plain", 11, samples=20, steps=10, **common),
        training_case("momentum-decay", 12, samples=20, steps=10, momentum=0.9, decay=1e-3, **common),
        training_case("partial-batch", 13, samples=13, steps=9, **common),
        training_case("partial-batch-momentum-decay", 14, samples=13, steps=9, momentum=0.9, decay=1e-3, **common),
    ]
    return {"torch": torch.__version__, "cases": cases}


def cnn_sgd():
    common = {"input_shape": (1, 8, 8), "classes": 3, "samples": 12, "batch_size": 4, "steps": 10, "lr": 0.05}
    cases = [
        training_case("mcmahan-small", 21, MCMAHAN_CNN, **common),
        training_case("strided", 22, STRIDED_CNN, **common),
    ]
    return {"torch": torch.__version__, "cases": cases}


# --- numpy's legacy generator ---------------------------------------------------------------------------


def fedml_cohort(round_index, total, per_round):
    """FedML's client sampling, as its server does it."""
    if total == per_round:
        return list(range(total))
    np.random.seed(round_index)
    return np.random.choice(range(total), min(per_round, total), replace=False).tolist()


def numpy_sampling():
    populations = [(10, 4), (1000, 4), (100, 10), (1000, 10), (100_000, 100), (2, 1), (3, 2), (50, 50), (3, 5), (1, 1)]
    rounds = [0, 1, 2, 3, 4, 99, 1000, 4294967295]
    permutations = [(0, 1), (0, 2), (0, 10), (1, 10), (42, 100), (7, 256), (7, 257), (4294967295, 33)]
    return {
        "numpy": np.__version__,
        "cohorts": [
            {"total": total, "perRound": per_round, "round": index, "clients": fedml_cohort(index, total, per_round)}
            for total, per_round in populations
            for index in rounds
        ],
        "mt19937": [
            {"seed": seed, "uint32": np.random.RandomState(seed).randint(0, 2**32, 10, dtype=np.uint32).tolist()}
            for seed in (0, 1, 42, 4294967295)
        ],
        "permutations": [
            {"seed": seed, "size": size, "values": np.random.RandomState(seed).permutation(size).tolist()}
            for seed, size in permutations
        ],
    }


# --- server optimisers ----------------------------------------------------------------------------------


def fedopt():
    """FedAdam (Reddi et al. 2021, Algorithm 2), m and v from 0, without bias correction."""
    random = np.random.RandomState(31)
    lr, beta1, beta2, tau = 0.1, 0.9, 0.99, 1e-3
    x = random.standard_normal(8)
    deltas = random.standard_normal((5, 8)) * 0.05
    deltas[:, 7] = 0.0  # a coordinate that never moves
    m, v = np.zeros(8), np.zeros(8)
    initial, rounds = x.tolist(), []
    for delta in deltas:
        m = beta1 * m + (1 - beta1) * delta
        v = beta2 * v + (1 - beta2) * delta**2
        x = x + lr * m / (np.sqrt(v) + tau)
        rounds.append({"delta": delta.tolist(), "m": m.tolist(), "v": v.tolist(), "x": x.tolist()})
    constants = {"serverLearningRate": lr, "beta1": beta1, "beta2": beta2, "tau": tau}
    return {"numpy": np.__version__, "cases": [{"name": "fedAdam", **constants, "initial": initial, "rounds": rounds}]}


# --- files ----------------------------------------------------------------------------------------------

FILES = {
    "mlp-sgd.json": mlp_sgd,
    "cnn-sgd.json": cnn_sgd,
    "losses-sgd.json": losses_sgd,
    "models.json": models,
    "sequences.json": lambda: sequences(numbers),
    "convolutions.json": convolutional,
    "numpy-sampling.json": numpy_sampling,
    "fedopt.json": fedopt,
}


# Relative tolerance by the part of the path that says what was computed; all else must be equal.
TOLERANCES = {".float32.": 1e-5, ".float64.": 1e-12, "fedopt.json": 1e-12}


def difference(committed, generated, path):
    """Where two documents differ, or None. Versions of the libraries are not compared."""
    if isinstance(generated, dict) and isinstance(committed, dict):
        if committed.keys() != generated.keys():
            return f"{path}: keys {sorted(committed)} and {sorted(generated)}"
        pairs = [(f"{path}.{key}", committed[key], generated[key]) for key in generated if key not in ("torch", "numpy", "sklearn")]
    elif isinstance(generated, list) and isinstance(committed, list):
        if len(committed) != len(generated):
            return f"{path}: lengths {len(committed)} and {len(generated)}"
        pairs = [(f"{path}[{index}]", *pair) for index, pair in enumerate(zip(committed, generated))]
    elif isinstance(generated, float) and isinstance(committed, float):
        relative = next((bound for part, bound in TOLERANCES.items() if part in path), 0.0)
        close = math.isclose(committed, generated, rel_tol=relative, abs_tol=relative / 100)
        return None if close else f"{path}: {committed} and {generated}"
    else:
        return None if committed == generated else f"{path}: {committed!r} and {generated!r}"
    return next(filter(None, (difference(a, b, where) for where, a, b in pairs)), None)


def main(files):
    parser = argparse.ArgumentParser(description="Golden vectors from PyTorch and numpy.")
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    failed = False
    for name, generate in files.items():
        generated, path = generate(), DATA / name
        if check:
            found = difference(json.loads(path.read_text()), generated, name) if path.exists() else "file is missing"
            failed |= found is not None
            print(f"{name}: {'differs: ' + found if found else 'agrees'}")
            continue
        text = json.dumps(generated, separators=(",", ":"), allow_nan=False) + "\n"
        if len(text) > FILE_BYTES_MAX:
            sys.exit(f"{name} would be {len(text)} bytes long, more than {FILE_BYTES_MAX}")
        DATA.mkdir(exist_ok=True)
        path.write_text(text)
        print(f"{name}: {len(text)} bytes")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(FILES)
