"""A client's own trainer, as FineFL's clients hold it."""

import json

from ..worker.results import to_sound_results
from .errors import CompatError


class FedAVGTrainer:
    def __init__(self, client_index, device, args, train_path, test_path, model_trainer):
        """`client_index`: from 0. `model_trainer`: a `ModelTrainer`. Asks it for the number of training samples at once."""
        if model_trainer is None:
            raise CompatError("model_trainer is None: give FedML_FedAvg_distributed the trainer of the model.")
        self.trainer = model_trainer
        self.client_index = client_index
        self.device, self.args = device, args
        self.train_path, self.test_path = train_path, test_path
        if callable(getattr(model_trainer, "set_id", None)):
            model_trainer.set_id(client_index)
        self.local_sample_number = sample_number(model_trainer, train_path)

    def update_model(self, weights):
        self.trainer.set_model_params(weights)

    def train(self):
        """Returns (parameters, number of training samples)."""
        self.trainer.train(self.device, self.args, self.train_path)
        return self.trainer.get_model_params(), self.local_sample_number

    def test(self):
        """Returns (results as JSON text, number of *test* samples)."""
        tested = self.trainer.test(self.device, self.args, self.test_path)
        sound, unsound = to_sound_results({} if tested is None else tested, f"{type(self.trainer).__name__}.test")
        # They cost their names alone, whoever reads this.
        results = {**sound, **{name: float("nan") for name in unsound}}
        return json.dumps(results), sample_number(self.trainer, self.test_path)


def sample_number(trainer, path):
    count = trainer.get_local_sample_number(path)
    if isinstance(count, bool) or not hasattr(count, "__index__") or count.__index__() < 1:
        raise CompatError(
            f"{type(trainer).__name__}.get_local_sample_number({path!r}) returned {count!r}: it must be a whole number of at least 1."
        )
    return count.__index__()
