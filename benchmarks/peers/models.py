"""Models trained by a bare PyTorch loop on random samples, to stand beside the plans of benchmarks/src/children/models.ts.

Standard output carries one JSON object: samples a second after a first training that is not measured, and the largest resident
set of the process in bytes.
"""

import argparse
import json
import pathlib
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from trainers import resnet18, two_nn

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "goldens"))
from sequences import Gpt  # noqa: E402


def mcmahan_cnn():
    # relu and max-pool commute; relu after the pool touches a quarter of the values.
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(32, 64, 5, padding=2), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10),
    )  # fmt: skip


VOCABULARY = 65


def small_gpt():
    return Gpt(VOCABULARY, 128, 4, 128, 4)


MODELS = {
    "2nn": (two_nn, (784,)),
    "cnn": (mcmahan_cnn, (1, 28, 28)),
    "gpt": (small_gpt, (128,)),
    "resnet18": (resnet18, (3, 32, 32)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=sorted(MODELS), required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    make, shape = MODELS[arguments.model]
    model, count = make(), arguments.batch * arguments.steps
    if arguments.model == "gpt":
        x, y = torch.randint(VOCABULARY, (count, *shape)), torch.randint(VOCABULARY, (count, *shape))
    else:
        x, y = torch.rand(count, *shape), torch.randint(10, (count,))
    parameters = list(model.parameters())

    def train():
        for xs, ys in zip(x.split(arguments.batch), y.split(arguments.batch)):
            # Classes are the second axis here, the last of a model's predictions.
            predictions = model(xs)
            F.cross_entropy(predictions.flatten(0, -2), ys.flatten()).backward()
            with torch.no_grad():
                for parameter in parameters:
                    parameter.add_(parameter.grad, alpha=-0.01)
                    parameter.grad = None

    train()
    start, trained = time.perf_counter(), 0
    while time.perf_counter() - start < arguments.seconds:
        train()
        trained += count
    rate = trained / (time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"samplesPerSecond": rate, "peakBytes": peak}))


if __name__ == "__main__":
    main()
