"""Writes data/masking.json with PyTorch: training runs on texts of unequal lengths, filled up with 0; takes `--check` as generate.py does."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from generate import main, numbers

VOCABULARY, WIDTH, LENGTH, CLASSES = 7, 4, 6, 3


class Transformer(nn.Module):
    """An encoder layer that normalises first, and the mean over what is no padding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.position = nn.Embedding(LENGTH, WIDTH)
        self.layer = nn.TransformerEncoderLayer(WIDTH, 2, 6, 0.0, "gelu", batch_first=True, norm_first=True)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, tokens):
        empty = tokens == 0
        x = self.embedding(tokens) + self.position(torch.arange(LENGTH))
        x = self.layer(x, src_key_padding_mask=empty)
        counts = (~empty).unsqueeze(2).to(x.dtype)
        return self.head((x * counts).sum(1) / counts.sum(1))

    @staticmethod
    def name(key):
        """As fedloom's layers are nested."""
        head, _, rest = key.partition(".")
        if head == "layer":
            return f"encoder.{'attention' if rest.startswith(('self_attn', 'norm1')) else 'feedforward'}.{rest}"
        return key if head == "head" else f"encoder.{key}"


class Recurrent(nn.Module):
    """The state behind the last token of packed sequences."""

    def __init__(self, kind):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.cell = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](WIDTH, 3, 2, batch_first=True)
        self.head = nn.Linear(3, CLASSES)

    def forward(self, tokens):
        lengths = (tokens != 0).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        _, state = self.cell(packed)
        return self.head((state[0] if isinstance(state, tuple) else state)[-1])

    @staticmethod
    def name(key):
        return key if key.startswith("head") else f"encoder.{key}"


def case(name, seed, make):
    random = np.random.RandomState(seed)
    initial = {}
    for key, value in make().state_dict().items():
        start = 1 if value.ndim == 1 and key.endswith("weight") else 0
        initial[key] = (start + random.uniform(-0.7, 0.7, tuple(value.shape))).astype(np.float32)
    samples, steps = 9, 10
    x = random.randint(1, VOCABULARY, (samples, LENGTH)).astype(np.int32)
    # The first is as long as can be, the second as short.
    lengths = np.concatenate([[LENGTH, 1], random.randint(1, LENGTH + 1, samples - 2)])
    x[np.arange(LENGTH) >= lengths[:, None]] = 0
    y = random.randint(0, CLASSES, samples).astype(np.int64)
    order = [batch for _ in range(4) for batch in np.split(random.permutation(samples), [4, 8])][:steps]

    def run(dtype):
        model = make().to(dtype)
        model.load_state_dict({key: torch.from_numpy(value) for key, value in initial.items()})
        optimiser = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5)
        losses = []
        for batch in order:
            optimiser.zero_grad()
            loss = functional.cross_entropy(model(torch.from_numpy(x[batch]).long()), torch.from_numpy(y[batch]))
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        kind = str(dtype).removeprefix("torch.")
        final = {make().name(key): numbers(value.numpy().ravel()) for key, value in model.state_dict().items()}
        return {"losses": numbers(np.array(losses, kind)), "final": final}

    return {
        "name": name,
        "positions": LENGTH,
        "classes": CLASSES,
        "batchSize": 4,
        "learningRate": 0.2,
        "momentum": 0.5,
        "initial": {make().name(key): numbers(value.ravel()) for key, value in initial.items()},
        "x": numbers(x),
        "y": y.tolist(),
        "order": [numbers(batch) for batch in order],
        "float32": run(torch.float32),
        "float64": run(torch.float64),
    }


def masking():
    cases = [
        case("transformer", 71, Transformer),
        case("lstm", 72, lambda: Recurrent("lstm")),
        case("gru", 73, lambda: Recurrent("gru")),
    ]
    return {"torch": torch.__version__, "cases": cases}


if __name__ == "__main__":
    main({"masking.json": masking})
