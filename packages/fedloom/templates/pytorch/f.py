"""Training code in PyTorch, as FedML's and FineFL's users have it: nothing in it knows of fedloom."""
import csv
import json
import os

import torch
from torch import nn


def create_model(args):
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))


class PatientTrainer:
    """Tells who is ill from age, blood pressure and smoking."""

    def __init__(self, model):
        self.model = model

    def get_model_params(self):
        return self.model.cpu().state_dict()

    def set_model_params(self, model_parameters):
        self.model.load_state_dict(model_parameters)

    def get_local_sample_number(self, path):
        return len(rows_of(path))

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


def rows_of(path):
    """`patients.csv:test` is every fifth row, `patients.csv:train/3/100` the fourth of 100 equal shares of the others."""
    name, _, part = path.partition(":")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), newline="") as file:
        rows = list(csv.DictReader(file))
    if part == "test":
        return rows[::5]
    _, number, shares = part.split("/")
    others = [row for place, row in enumerate(rows) if place % 5]
    return others[int(number) % int(shares) :: int(shares)]


def load(path, device):
    rows = rows_of(path)
    x = [
        [(float(row["age"]) - 55) / 12, (float(row["pressure"]) - 135) / 16, float(row["smoker"] == "yes")]
        for row in rows
    ]
    y = [int(row["outcome"] == "ill") for row in rows]
    return torch.tensor(x, device=device), torch.tensor(y, device=device)
