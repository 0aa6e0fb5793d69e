"""Training runs of models of sequences, for sequences.json. See README.md."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x):
        batch, positions, width = x.shape
        parts = self.c_attn(x).view(batch, positions, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(*parts, is_causal=True)
        return self.c_proj(seen.transpose(1, 2).reshape(batch, positions, width))


class Network(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(functional.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Network(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    def __init__(self, vocabulary, positions, layers, width, heads):
        super().__init__()
        blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        parts = {
            "wte": nn.Embedding(vocabulary, width),
            "wpe": nn.Embedding(positions, width),
            "h": blocks,
            "ln_f": nn.LayerNorm(width),
        }
        self.transformer = nn.ModuleDict(parts)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        parts = self.transformer
        x = parts["wte"](tokens) + parts["wpe"](torch.arange(tokens.shape[1]))
        for one in parts["h"]:
            x = one(x)
        return self.lm_head(parts["ln_f"](x))


class Tagger(nn.Module):
    """Attention of all positions, with PyTorch's own layer."""

    def __init__(self, vocabulary, width, heads, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens):
        x = self.embedding(tokens)
        return self.head(self.attention(x, x, x, need_weights=False)[0])


def run(make, initial, x, y, order, dtype, ignore):
    model = make().to(dtype)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in initial.items()})
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.5)
    losses = []
    for batch in order:
        optimiser.zero_grad()
        logits = model(torch.from_numpy(x[batch]))
        targets = torch.from_numpy(y[batch])
        each = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        counts = torch.ones_like(targets) if ignore is None else targets != ignore
        # Of each sample the mean over its positions that count, then the mean over samples.
        loss = ((each * counts).sum(1) / counts.sum(1).clamp(min=1)).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses, {name: value.numpy().ravel() for name, value in model.state_dict().items()}


def sequence_case(name, seed, make, vocabulary, positions, classes, numbers, ignore=None):
    random = np.random.RandomState(seed)
    initial = {}
    for key, value in make().state_dict().items():
        start = 1 if value.ndim == 1 and key.endswith("weight") else 0
        initial[key] = (start + random.uniform(-0.5, 0.5, tuple(value.shape))).astype(np.float32)
    samples, batch_size, steps = 9, 4, 10
    x = random.randint(0, vocabulary, (samples, positions)).astype(np.int32)
    y = random.randint(0, classes, (samples, positions)).astype(np.int64)
    y[0] = 0
    order = [batch for _ in range(4) for batch in np.split(random.permutation(samples), [4, 8])][:steps]
    runs = {}
    for dtype in (torch.float32, torch.float64):
        losses, final = run(make, initial, x, y, order, dtype, ignore)
        kind = str(dtype).removeprefix("torch.")
        runs[kind] = {
            "losses": numbers(np.array(losses, kind)),
            "final": {key: numbers(value) for key, value in final.items()},
        }
    return {
        "name": name,
        "positions": positions,
        "classes": classes,
        "batchSize": batch_size,
        "learningRate": 0.5,
        "momentum": 0.5,
        "initial": {key: numbers(value.ravel()) for key, value in initial.items()},
        "x": numbers(x),
        "y": numbers(y),
        "order": [numbers(batch) for batch in order],
        **runs,
    }


def sequences(numbers):
    cases = [
        sequence_case("gpt", 61, lambda: Gpt(7, 5, 2, 6, 2), 7, 5, 7, numbers),
        sequence_case("tagger", 62, lambda: Tagger(6, 4, 2, 3), 6, 5, 3, numbers, ignore=0),
    ]
    return {"torch": torch.__version__, "cases": cases}
