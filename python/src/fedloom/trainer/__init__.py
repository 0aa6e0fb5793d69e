"""The classes that training code of one's own extends: FineFL's, and those of FedML 0.8.

A class with the same methods that extends nothing of these works as well.
"""

from abc import ABC, abstractmethod


class ModelTrainer(ABC):
    """A client's training code, as FineFL has it. One object serves many clients, one after the other.

    Before each job the parameters are set, and `self.id` says whose job it is (an index from 0; -1 for the server).
    A class that keeps something of a client's own from round to round says `per_client = True`: then each client gets an
    object and a model of its own, which stay in memory.
    """

    per_client = False

    def __init__(self, model, args=None):
        self.model = model
        self.args = args
        self.id = 0

    def set_id(self, trainer_id):
        self.id = trainer_id

    @abstractmethod
    def get_model_params(self):
        """The shared parameters: a dict of names and tensors (PyTorch, numpy or nested lists), the same on all clients."""

    @abstractmethod
    def set_model_params(self, model_parameters):
        """Takes what `get_model_params` gives: the same names in the same order, the same types, on the same device."""

    @abstractmethod
    def get_local_sample_number(self, path):
        """Samples at `path`, at least 1: how much the client weighs in the mean, or its test in the results."""

    @abstractmethod
    def train(self, device, args, train_path):
        """Trains the model on the client's data. May return a dict of facts: `mean_loss`, `step_count`, others as they are."""

    @abstractmethod
    def test(self, device, args, test_path):
        """Named results as a dict, or as its JSON text: numbers, texts of numbers, or lists of these."""


class ClientTrainer(ABC):
    """A client's training code, as FedML 0.8 has it."""

    per_client = False

    def __init__(self, model, args):
        self.model = model
        self.args = args
        self.id = 0
        self.local_train_dataset = None
        self.local_test_dataset = None
        self.local_sample_number = 0

    def set_id(self, trainer_id):
        self.id = trainer_id

    def update_dataset(self, local_train_dataset, local_test_dataset, local_sample_number):
        self.local_train_dataset = local_train_dataset
        self.local_test_dataset = local_test_dataset
        self.local_sample_number = local_sample_number

    @abstractmethod
    def get_model_params(self):
        """As that of `ModelTrainer`."""

    @abstractmethod
    def set_model_params(self, model_parameters):
        """As that of `ModelTrainer`."""

    def on_before_local_training(self, train_data, device, args):
        """Called before `train`."""

    @abstractmethod
    def train(self, train_data, device, args):
        """As that of `ModelTrainer`, on the data that were loaded, or on their path where nothing loads them."""

    def on_after_local_training(self, train_data, device, args):
        """Called after `train`."""

    def test(self, test_data, device, args):
        """As that of `ModelTrainer`; None: this client does not test."""
        return None


class ResultAggregator(ABC):
    """Turns the clients' test results into those of the federation."""

    @abstractmethod
    def aggregate_test_result(self, round_idx, result_dict):
        """Named results, from `{client_idx: {"result": {...}, "sample_number": n}}`, indices from 0."""
