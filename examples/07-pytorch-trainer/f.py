# A trainer as FineFL's users have it: the class and the aggregator need no change to train here.
import json

import numpy as np
import torch
from fedml_core.trainer.model_trainer import ModelTrainer
from torch import nn


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 5, stride=2, padding=2),
            nn.BatchNorm2d(16),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(16 * 7 * 7, 10)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def create_model(args):
    return CNN()


class CNNTrainer(ModelTrainer):
    def get_model_params(self):
        return self.model.cpu().state_dict()

    def set_model_params(self, model_parameters):
        self.model.load_state_dict(model_parameters)

    def get_local_sample_number(self, path):
        return len(np.load(path)["y"])

    def train(self, device, args, train_path):
        x, y = load(train_path, device)
        self.model.to(device).train()
        optimizer = torch.optim.SGD(self.model.parameters(), lr=args.lr)
        for _ in range(args.epochs):
            for batch in torch.randperm(len(x)).split(args.batch_size):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(self.model(x[batch]), y[batch])
                loss.backward()
                optimizer.step()

    def test(self, device, args, test_path):
        x, y = load(test_path, device)
        self.model.to(device).eval()
        with torch.no_grad():
            outputs = self.model(x)
        accuracy = (outputs.argmax(1) == y).float().mean().item()
        return json.dumps({"accuracy": accuracy, "loss": nn.functional.cross_entropy(outputs, y).item()})


class CNNResultAggregator:
    """The mean of each result, weighted by the clients' samples."""

    def aggregate_test_result(self, round_idx, result_dict):
        total = sum(client["sample_number"] for client in result_dict.values())
        names = result_dict[0]["result"].keys()
        return {
            name: sum(client["sample_number"] * client["result"][name] for client in result_dict.values()) / total
            for name in names
        }


def load(path, device):
    part = np.load(path)
    x = torch.from_numpy(part["x"]).float().div(255).view(-1, 1, 28, 28)
    return x.to(device), torch.from_numpy(part["y"]).long().to(device)
