"""What a trainer is given as its data: a path, or what a user's `load_data(args)` deals to the client."""

from fedloom.worker.problem import Problem


class Paths:
    def of(self, index, path, training):
        return path

    def count(self, index, training):
        return None

    def tell(self, trainer, index):
        pass


class Loaded:
    """FedML's data set: [train number, test number, train, test, {client: number}, {client: train}, {client: test}, ...]."""

    def __init__(self, dataset):
        if not isinstance(dataset, (list, tuple)) or len(dataset) < 7 or not isinstance(dataset[5], dict):
            raise Problem(
                "python.load",
                "load_data must return FedML's list: train number, test number, train, test, and dicts by client of "
                "train numbers, train data and test data.",
            )
        self._numbers, self._train, self._test = dataset[4], dataset[5], dataset[6]
        self._test_global = dataset[3]

    def of(self, index, path, training):
        if index < 0:
            return self._test_global
        data = (self._train if training else self._test).get(index)
        if data is None and training:
            raise Problem("python.raised", "load_data gave client %d no training data." % index)
        return data

    def count(self, index, training):
        return self._numbers.get(index) if training else _length(self._test.get(index))

    def tell(self, trainer, index):
        update = getattr(trainer, "update_dataset", None)
        if callable(update) and index >= 0:
            update(self._train.get(index), self._test.get(index), self._numbers.get(index, 0))


def _length(data):
    if data is None:
        return 0
    inner = getattr(data, "dataset", None)
    if inner is not None:
        return len(inner)
    # A list of batches (x, y).
    return sum(len(batch[0]) for batch in data)
