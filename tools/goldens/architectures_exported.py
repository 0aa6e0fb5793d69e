"""Exports the models of architectures.py by both of PyTorch's exporters, and trains them: data/onnx-architectures/. See README.md.

Run by itself, as the exporters need more than the other vectors: pip install onnx onnxscript.
"""

import json
import pathlib
import warnings

import numpy as np
import torch
from torch import nn

from architectures import CLASSES, IMAGES, LENGTH, MODELS, TAGGERS, TOKENS, WIDE
from exported import without_origin
from generate import numbers

DATA = pathlib.Path(__file__).resolve().parent / "data" / "onnx-architectures"
SAMPLES, BATCH, STEPS, LEARNING_RATE = 9, 4, 5, 0.1
SHOWN = 24  # of a parameter's numbers
# What an exporter cannot write.
NOT_EXPORTED = {("packed-gru", "dynamo"), ("packed-lstm", "dynamo")}
# Longest first, without which they cannot be packed.
PACKED = {"packed-gru", "packed-lstm"}


def samples(name, random):
    if name in IMAGES:
        x = random.standard_normal((SAMPLES, 2, 8, 8)).astype(np.float32).round(2)
    else:
        lengths = random.randint(2, LENGTH + 1, (SAMPLES, 1))
        x = np.where(np.arange(LENGTH) < lengths, random.randint(1, TOKENS, (SAMPLES, LENGTH)), 0)
    y = random.randint(0, WIDE.get(name, CLASSES), (SAMPLES, LENGTH) if name in TAGGERS else SAMPLES)
    order = np.array([random.permutation(SAMPLES)[:BATCH] for _ in range(STEPS)])
    if name in PACKED:
        lengths = (x != 0).sum(1)
        lengths[order[:, 0]] = LENGTH  # the exporter has the longest of the batch fill the text
        x = np.where(np.arange(LENGTH) < lengths[:, None], np.where(x == 0, 1, x), 0)
        order = np.stack([rows[np.argsort(-lengths[rows], kind="stable")] for rows in order])
    return x, y, order


def model_of(name, seed):
    torch.manual_seed(seed)
    model = MODELS[name]()
    for value in model.parameters():  # exporters leave out zeros and write equal numbers once
        value.data += 0.2 * torch.rand_like(value) - 0.1
    return model.eval()


def export(model, x, path, dynamo):
    """As one file with a first axis that differs from run to run, batch norm as it is."""
    if dynamo:
        shapes = ({0: torch.export.Dim("batch", min=2)},)
        optimize = not any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules())
        torch.onnx.export(
            model, (x,), path, dynamo=True, dynamic_shapes=shapes, external_data=False, optimize=optimize, verbose=False
        )
    else:
        axes = {"x": {0: "batch"}, "y": {0: "batch"}}
        keep = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
        names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": axes}
        torch.onnx.export(model, (x,), path, dynamo=False, **names, **keep)
    without_origin(path)


def train(model, x, y, order):
    """Steps of SGD: the losses, what is predicted in evaluation after them, and the parameters."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for batch in order:
        optimizer.zero_grad()
        logits = model(torch.from_numpy(x[batch]))
        loss = nn.functional.cross_entropy(logits.flatten(0, -2), torch.from_numpy(y[batch]).flatten())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        prediction = model(torch.from_numpy(x[order[-1]]))
    final = {
        key: numbers(value.numpy().ravel()[:SHOWN])
        for key, value in model.state_dict().items()
        if value.ndim > 0 and value.dtype == torch.float32 and torch.isfinite(value).all()
    }
    losses = numbers(np.array(losses, np.float32))
    return {"losses": losses, "prediction": numbers(prediction.numpy().ravel()), "final": final}


def main():
    warnings.filterwarnings("ignore")
    DATA.mkdir(parents=True, exist_ok=True)
    cases = []
    for seed, name in enumerate(MODELS):
        x, y, order = samples(name, np.random.RandomState(90 + seed))
        exporters = []
        for exporter in ["legacy", "dynamo"]:
            if (name, exporter) in NOT_EXPORTED:
                continue
            path = str(DATA / f"{name}-{exporter}.onnx")
            export(model_of(name, seed), torch.from_numpy(x[order[0]]), path, exporter == "dynamo")
            exporters.append(exporter)
        run = train(model_of(name, seed), x, y, order)
        shapes = {"shape": list(x.shape[1:]), "labels": list(y.shape[1:]), "classes": WIDE.get(name, CLASSES)}
        data = {"x": numbers(x.ravel()), "y": numbers(y.ravel()), "order": numbers(order)}
        cases.append({"name": name, "exporters": exporters, **shapes, **data, **run})
        print(name, exporters, flush=True)
    text = json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":")) + "\n"
    (DATA / "runs.json").write_text(text)


if __name__ == "__main__":
    main()
