"""A program as FineFL's users have it: the same on every rank, with one changed import. It trains MNIST with PyTorch.

    mpirun -np 3 python main_fedavg.py --client_num_in_total 2 --client_num_per_round 2 --comm_round 3 --data_path parts
"""

import argparse
import json
import random
import sys

import numpy as np
import torch
from fedloom.compat import FedML_FedAvg_distributed, FedML_init
from fedml_core.trainer.model_trainer import ModelTrainer
from torch import nn


def add_args(parser):
    parser.add_argument("--model", type=str, default="mlp")
    parser.add_argument("--client_num_in_total", type=int, default=2)
    parser.add_argument("--client_num_per_round", type=int, default=2)
    parser.add_argument("--comm_round", type=int, default=3)
    parser.add_argument("--is_mobile", type=int, default=0)
    parser.add_argument("--frequency_of_the_test", type=int, default=1)
    parser.add_argument("--gpu_server_num", type=int, default=1)
    parser.add_argument("--gpu_num_per_server", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch_size", type=int, default=20)
    parser.add_argument("--data_path", type=str, default="./data")
    return parser.parse_args()


def create_model():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))


def load(path):
    part = np.load(path + ".npz")
    x = torch.from_numpy(part["x"]).float().div(255)
    return torch.utils.data.TensorDataset(x, torch.from_numpy(part["y"]).long())


class MLPTrainer(ModelTrainer):
    def get_model_params(self):
        return self.model.cpu().state_dict()

    def set_model_params(self, model_parameters):
        self.model.load_state_dict(model_parameters)

    def get_local_sample_number(self, path):
        return len(load(path))

    def train(self, device, args, train_path):
        self.model.to(device).train()
        batches = torch.utils.data.DataLoader(load(train_path), batch_size=args.batch_size, shuffle=True)
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        for _ in range(args.epochs):
            for done, (x, y) in enumerate(batches):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(self.model(x.to(device)), y.to(device))
                loss.backward()
                optimizer.step()
                sys.stdout.write("\rbatch %d of %d" % (done + 1, len(batches)))
            print()

    def test(self, device, args, test_path):
        self.model.to(device).eval()
        data = load(test_path)
        x, y = data.tensors
        with torch.no_grad():
            output = self.model(x.to(device))
        loss = nn.functional.cross_entropy(output, y.to(device))
        return json.dumps({"accuracy": (output.argmax(1) == y).float().mean().item(), "loss": str(loss.item())})


class MLPResultAggregator:
    def aggregate_test_result(self, round_idx, result_dict):
        names = result_dict[0]["result"].keys()
        total = sum(one["sample_number"] for one in result_dict.values())
        return {
            name: sum(one["sample_number"] * float(one["result"][name]) for one in result_dict.values()) / total
            for name in names
        }


def main():
    comm, process_id, worker_number = FedML_init()
    args = add_args(argparse.ArgumentParser())
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    model = create_model()
    trainer = MLPTrainer(model)
    train_path = "%s/client_%d_train" % (args.data_path, process_id)
    test_path = "%s/client_%d_test" % (args.data_path, process_id)
    FedML_FedAvg_distributed(
        process_id,
        worker_number,
        device,
        comm,
        model,
        args,
        train_path,
        test_path,
        MLPResultAggregator(),
        trainer,
    )
    if process_id == 0:
        norm = sum(float((value.double() ** 2).sum()) for value in trainer.get_model_params().values())
        print("the server's trainer holds the last model: %.6f" % norm)


if __name__ == "__main__":
    main()
