"""Writes data/recurrent.json with PyTorch: recurrent layers by themselves, and training runs of small models of them.

`--check` compares instead of writing. README.md describes the file.
"""

import numpy as np
import torch
from generate import batches, main, numbers

LAYERS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def uniform(random, shapes):
    return {key: random.uniform(-0.5, 0.5, shape).astype(np.float32) for key, shape in shapes.items()}


def shapes_of(module):
    return {key: list(value.shape) for key, value in module.state_dict().items()}


def layer_case(kind, seed, layers, sequences):
    """A layer's output, and the gradients of `sum(seed * output)` by its input and its weights."""
    random = np.random.RandomState(seed)
    features, units, samples, steps = 3, 4, 2, 5
    shapes = shapes_of(LAYERS[kind](features, units, layers))
    weights = uniform(random, shapes)
    x = random.standard_normal((samples, steps, features)).astype(np.float32)
    output_shape = (samples, steps, units) if sequences else (samples, units)
    factors = random.standard_normal(output_shape).astype(np.float32)

    def run(dtype):
        layer = LAYERS[kind](features, units, layers, batch_first=True).to(dtype)
        layer.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
        inputs = torch.from_numpy(x).to(dtype).requires_grad_()
        states, _ = layer(inputs)
        output = states if sequences else states[:, -1]
        (output * torch.from_numpy(factors).to(dtype)).sum().backward()
        gradients = {key: numbers(value.grad.numpy().ravel()) for key, value in layer.named_parameters()}
        return {
            "output": numbers(output.detach().numpy().ravel()),
            "gradients": {"x": numbers(inputs.grad.numpy().ravel()), **gradients},
        }

    return {
        "name": f"{kind}-{layers}{'-sequences' if sequences else ''}",
        "type": kind,
        "units": units,
        "layers": layers,
        "returnSequences": sequences,
        "inputShape": [steps, features],
        "shapes": shapes,
        "initial": {key: numbers(value.ravel()) for key, value in weights.items()},
        "x": numbers(x.ravel()),
        "factors": numbers(factors.ravel()),
        "float32": run(torch.float32),
        "float64": run(torch.float64),
    }


class NextToken(torch.nn.Module):
    """The form of FedML's RNN_OriginalFedAvg: an embedding, recurrent layers, and classes from the last state."""

    def __init__(self, kind, tokens, dimensions, units, layers):
        super().__init__()
        self.embeddings = torch.nn.Embedding(tokens, dimensions)
        setattr(self, kind, LAYERS[kind](dimensions, units, layers, batch_first=True))
        self.fc = torch.nn.Linear(units, tokens)
        self.kind = kind

    def forward(self, x):
        states, _ = getattr(self, self.kind)(self.embeddings(x))
        return self.fc(states[:, -1])


class EachNextToken(torch.nn.Module):
    """The form of FedML's RNN_StackOverFlow: classes for each position."""

    def __init__(self, kind, tokens, dimensions, units, layers):
        super().__init__()
        self.word_embeddings = torch.nn.Embedding(tokens, dimensions)
        self.lstm = torch.nn.LSTM(dimensions, units, layers, batch_first=True)
        self.fc1 = torch.nn.Linear(units, dimensions)
        self.fc2 = torch.nn.Linear(dimensions, tokens)

    def forward(self, x):
        states, _ = self.lstm(self.word_embeddings(x))
        return self.fc2(self.fc1(states)).transpose(1, 2)


def training_case(name, seed, module, kind, layers):
    """Twelve steps; the last batch of an epoch has one sample."""
    random = np.random.RandomState(seed)
    form = {"tokens": 7, "dimensions": 3, "units": 5, "layers": layers}
    samples, steps, batch_size, lr = 13, 6, 4, 0.5
    shapes = shapes_of(module(kind, **form))
    initial = uniform(random, shapes)
    x = random.randint(0, form["tokens"], (samples, steps)).astype(np.int32)
    y = random.randint(0, form["tokens"], samples if module is NextToken else (samples, steps))
    order = batches(random, samples, batch_size, 12)

    def run(dtype):
        model = module(kind, **form).to(dtype)
        model.load_state_dict({key: torch.from_numpy(value) for key, value in initial.items()})
        optimiser = torch.optim.SGD(model.parameters(), lr=lr)
        losses = []
        for batch in order:
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(torch.from_numpy(x[batch])), torch.from_numpy(y[batch]))
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        final = {key: numbers(value.numpy().ravel()) for key, value in model.state_dict().items()}
        return {"losses": numbers(np.array(losses, str(dtype).removeprefix("torch."))), "final": final}

    return {
        "name": name,
        "type": kind,
        **form,
        "steps": steps,
        "positions": module is EachNextToken,
        "batchSize": batch_size,
        "learningRate": lr,
        "shapes": shapes,
        "initial": {key: numbers(value.ravel()) for key, value in initial.items()},
        "x": numbers(x.ravel()),
        "y": numbers(y.ravel()),
        "order": [numbers(batch) for batch in order],
        "float32": run(torch.float32),
        "float64": run(torch.float64),
    }


def recurrent():
    layers = [
        layer_case(kind, seed, count, sequences)
        for kind, seed in (("lstm", 61), ("gru", 62))
        for count, sequences in ((1, False), (1, True), (2, True))
    ]
    training = [
        training_case("characterLstm", 63, NextToken, "lstm", 2),
        training_case("gru-next-token", 64, NextToken, "gru", 2),
        training_case("stackOverflowLstm", 65, EachNextToken, "lstm", 1),
    ]
    return {"torch": torch.__version__, "layers": layers, "training": training}


if __name__ == "__main__":
    main({"recurrent.json": recurrent})
