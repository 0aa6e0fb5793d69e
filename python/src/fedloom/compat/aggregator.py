"""FineFL's aggregator: holds the global model through a trainer, and what came of clients."""

import json

import numpy as np

from ..worker.params import ParamsLike, to_arrays
from .errors import CompatError


class FedAVGAggregator:
    """Rank 0's. Where a class of the user's overrides what makes the aggregate, fedloom's server hands each round's updates
    to it, once they are all in and checked; otherwise the server folds them itself as they come, and nothing of them comes
    here."""

    def __init__(self, client_num, device, args, result_aggregator, model_trainer):
        if model_trainer is None:
            raise CompatError("model_trainer is None: give FedML_FedAvg_distributed the trainer of the model.")
        self.client_num, self.worker_num = client_num, client_num
        self.device, self.args = device, args
        self.result_aggregator = result_aggregator
        self.trainer = model_trainer
        self.client_indexes = []
        self.model_dict, self.sample_num_dict = {}, {}
        self.result_dict = {}  # round -> client -> {"result", "sample_number"}
        self._tests = {}  # round -> clients that test

    def set_client_indexes(self, client_indexes):
        """Those whose updates a round has, ascending from 0; called before they are added."""
        self.client_indexes = client_indexes

    def get_global_model_params(self):
        return self.trainer.get_model_params()

    def set_global_model_params(self, model_parameters):
        self.trainer.set_model_params(model_parameters)

    def add_local_trained_result(self, index, model_params, sample_num):
        self.model_dict[index] = model_params
        self.sample_num_dict[index] = sample_num

    def check_whether_all_receive(self):
        return all(index in self.model_dict for index in self.client_indexes)

    def aggregate(self):
        """The mean of the clients' parameters, weighted by their samples, in float64 and rounded once. Sets and returns it."""
        names = {index: to_arrays(self.model_dict[index], f"client {index}") for index in self.client_indexes}
        total = sum(self.sample_num_dict[index] for index in self.client_indexes)
        like = self.model_dict[self.client_indexes[0]]
        averaged = {}
        for name, first in names[self.client_indexes[0]].items():
            mean = sum(self.sample_num_dict[index] / total * names[index][name].astype(np.float64) for index in self.client_indexes)
            averaged[name] = (mean if first.dtype.kind == "f" else np.rint(mean)).astype(first.dtype).reshape(first.shape)
        params = ParamsLike(like).make(averaged)
        self.set_global_model_params(params)
        return params

    def client_sampling(self, round_idx, client_num_in_total, client_num_per_round):
        """The clients of a round, as the server samples them: FedML's way."""
        if client_num_in_total == client_num_per_round:
            return list(range(client_num_in_total))
        generator = np.random.RandomState(round_idx)
        return generator.choice(client_num_in_total, min(client_num_per_round, client_num_in_total), replace=False).tolist()

    def add_test_result(self, index, result, sample_number, round_idx):
        result = json.loads(result) if isinstance(result, (str, bytes)) else result
        self.result_dict.setdefault(round_idx, {})[index] = {"result": result, "sample_number": sample_number}

    def check_whether_all_result_receive(self, round_idx):
        return all(index in self.result_dict.get(round_idx, {}) for index in self._tests.get(round_idx, []))

    def aggregate_test_result(self, round_idx):
        """The results of the round, as the result aggregator makes them of the clients'."""
        results = self.result_dict.pop(round_idx)
        return self.result_aggregator.aggregate_test_result(round_idx, results)
