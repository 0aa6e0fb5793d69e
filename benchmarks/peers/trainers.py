"""A PyTorch trainer as its users write it, and the same training in a bare loop.

fedloom runs `BenchTrainer` by `pythonTrainer`. As a program, this file runs the very same `train` of the very same class for a
cohort, one client after the other in this process: parameters set from the global model, trained, added up, averaged. Samples
are random: what is learnt does not matter here. Standard output carries {"seconds"} for each round, one JSON object a line.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.short = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        h = self.first_norm(self.first(x)).relu()
        return (self.second_norm(self.second(h)) + self.short(x)).relu()


def resnet18():
    """He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition. CVPR 2016; for images of 32 x 32."""
    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    width = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(width, outputs, stride), Block(outputs, outputs, 1)]
        width = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def two_nn():
    return nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10))


# name: (model, shape of a sample, samples of a client, batch)
WORKLOADS = {"resnet18": (resnet18, (3, 32, 32), 192, 32), "2nn": (two_nn, (784,), 600, 10)}


def create_model(args):
    return WORKLOADS[args.workload][0]()


class BenchTrainer:
    def __init__(self, model):
        self.model = model
        self.samples = None

    def get_model_params(self):
        return self.model.state_dict()

    def set_model_params(self, params):
        self.model.load_state_dict(params)

    def get_local_sample_number(self, path):
        return 1

    def train(self, device, args, train_path):
        _, shape, count, batch = WORKLOADS[args.workload]
        if self.samples is None:
            self.samples = torch.rand(count, *shape), torch.randint(10, (count,))
        x, y = self.samples
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
        self.model.train()
        for rows in torch.randperm(count).split(batch):
            optimizer.zero_grad()
            F.cross_entropy(self.model(x[rows]), y[rows]).backward()
            optimizer.step()

    def test(self, device, args, test_path):
        return {}


def bare_loop(args):
    torch.set_num_threads(1)
    trainer = BenchTrainer(create_model(args))
    weights = {name: value.clone() for name, value in trainer.get_model_params().items()}
    for _ in range(args.rounds):
        begun = time.perf_counter()
        total = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in weights.items()}
        for _ in range(args.cohort):
            trainer.set_model_params(weights)
            trainer.train("cpu", args, "")
            for name, value in trainer.get_model_params().items():
                total[name] += value
        weights = {name: (value / args.cohort).to(weights[name].dtype) for name, value in total.items()}
        print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=sorted(WORKLOADS), required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--cohort", type=int, required=True)
    bare_loop(parser.parse_args())
