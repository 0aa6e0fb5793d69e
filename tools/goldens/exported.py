"""Models that PyTorch's two exporters write as ONNX, and training runs of the same models: data/onnx/. See README.md.

Run by itself, as the exporters need more than the other vectors: pip install onnx onnxscript.
"""

import json
import pathlib
import warnings

import numpy as np
import onnx
import torch
from torch import nn

from generate import numbers

DATA = pathlib.Path(__file__).resolve().parent / "data" / "onnx"
TOKENS, CLASSES = 7, 3


class Convolutional(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.norm1 = norm(4)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.fc = nn.Linear(4, CLASSES)

    def forward(self, x):
        x = self.pool(self.norm1(self.conv1(x)))
        x = nn.functional.hardswish(x + nn.functional.relu6(self.conv2(x)))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.fc(self.encoder(self.embedding(x)).mean(1))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 4)
        self.lstm = nn.LSTM(4, 5, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(10, CLASSES)

    def forward(self, x):
        return self.fc(self.lstm(self.embedding(x))[0][:, -1])


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 4)
        self.gru = nn.GRU(4, 5, batch_first=True)
        self.fc = nn.Linear(5, CLASSES)

    def forward(self, x):
        return self.fc(self.gru(self.embedding(x))[0])


MODELS = {
    "batch-norm": lambda: Convolutional(nn.BatchNorm2d),
    "group-norm": lambda: Convolutional(lambda channels: nn.GroupNorm(2, channels)),
    "encoder": Encoder,
    "lstm": Classifier,
    "gru": Tagger,
}


def export(model, x, path, dynamo):
    """As one file with a first axis that differs from run to run, batch norm as it is."""
    model.eval()
    if dynamo:
        shapes = ({0: torch.export.Dim("batch", min=2)},)
        torch.onnx.export(model, (x,), path, dynamo=True, dynamic_shapes=shapes, external_data=False, optimize=True)
    else:
        keep = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": not has_batch_norm(model)}
        axes = {"x": {0: "batch"}, "y": {0: "batch"}}
        torch.onnx.export(
            model, (x,), path, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=axes, **keep
        )
    without_origin(path)


def without_origin(path):
    """Leaves out of a file what tells of the machine that made it."""
    file = onnx.load(path)
    for node in file.graph.node:  # where in whose files it was made
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    for value in [*file.graph.value_info, *file.graph.input, *file.graph.output, *file.graph.initializer]:
        value.ClearField("metadata_props")
    file.graph.ClearField("metadata_props")
    file.graph.ClearField("value_info")
    file.ClearField("metadata_props")
    onnx.save(file, path)


def has_batch_norm(model):
    return any(isinstance(part, nn.BatchNorm2d) for part in model.modules())


def train(model, x, y, order):
    """Five steps of SGD: the losses, and the parameters after them."""
    model.train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.2)
    losses = []
    for batch in order:
        optimiser.zero_grad()
        logits = model(torch.from_numpy(x[batch]))
        loss = nn.functional.cross_entropy(
            logits.reshape(-1, CLASSES), torch.from_numpy(y[batch]).reshape(-1)
        )
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    final = {name: numbers(value.numpy().ravel()) for name, value in model.state_dict().items() if value.ndim > 0}
    return numbers(np.array(losses, np.float32)), final


def main():
    warnings.filterwarnings("ignore")
    DATA.mkdir(parents=True, exist_ok=True)
    cases = []
    for seed, (name, make) in enumerate(MODELS.items()):
        random = np.random.RandomState(70 + seed)
        images = name.endswith("norm")
        x = random.standard_normal((9, 1, 8, 8)).astype(np.float32) if images else random.randint(0, TOKENS, (9, 6))
        y = random.randint(0, CLASSES, (9, 6) if name == "gru" else 9)
        order = [random.permutation(9)[:4] for _ in range(5)]
        for exporter in ["legacy", "dynamo"]:
            if exporter == "dynamo" and name == "batch-norm":
                continue  # it folds batch norm into the convolution
            torch.manual_seed(seed)
            model = make()
            for value in model.parameters():  # exporters leave out zeros and write equal numbers once
                value.data += 0.2 * torch.rand_like(value) - 0.1
            export(model, torch.from_numpy(x[:2]), str(DATA / f"{name}-{exporter}.onnx"), exporter == "dynamo")
            losses, final = train(model, x, y, order)
            cases.append({"name": name, "exporter": exporter, "losses": losses, "final": final})
        cases[-1].update({"x": numbers(x.reshape(9, -1)), "y": numbers(y), "order": [numbers(one) for one in order]})
    for case in cases:  # the data stand with the last of a model
        last = [one for one in cases if one["name"] == case["name"]][-1]
        case.update({key: last[key] for key in ["x", "y", "order"]})
    text = json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":")) + "\n"
    (DATA / "runs.json").write_text(text)


if __name__ == "__main__":
    main()
