"""What a process does for one run: it makes the user's trainer once, and runs the jobs of clients on it."""

import argparse

from fedloom.worker import calls, targets
from fedloom.worker.data import Loaded, Paths
from fedloom.worker.params import ParamsLike, to_arrays
from fedloom.worker.private import PrivateParts
from fedloom.worker.problem import Problem
from fedloom.worker.results import to_results, to_sound_results
from fedloom.worker.seeding import device, limit_threads, seed_all


class Session:
    def __init__(self, area, request):
        self._area = area
        self._request = request
        self.args = argparse.Namespace(**request["args"])
        self._trainers = {}
        # What each gave last: it may have moved its model to where it trains.
        self._like = {}
        self._private = None
        self._aggregator = None
        self._kind = targets.find(request["trainer"])
        calls.check_methods(self._kind)
        self._fedml = calls.device_second(self._kind)
        self._per_client = bool(request["perClient"] or getattr(self._kind, "per_client", False))
        self._data = self._load_data()

    def describe(self):
        """The model as it is first, and what fedloom must know of it."""
        trainer = self._trainer(-1)
        arrays = self._params(trainer)
        # An object of each client's own keeps them itself.
        self._private = PrivateParts(None if self._per_client else getattr(trainer, "model", None), arrays)
        places, _ = self._area.write(arrays, 0)
        own_buffers = getattr(getattr(trainer, "model", None), "named_buffers", None)
        buffers = [name for name, _ in own_buffers()] if callable(own_buffers) else []
        return {
            "params": places,
            "buffers": [name for name in buffers if name in arrays],
            "private": self._private.names,
            "perClient": self._per_client,
        }

    def train(self, job):
        trainer = self._prepare(job)
        index, path = job["client"], job["path"]
        data = self._data.of(index, path, True)
        if self._fedml:
            self._hook(trainer, "on_before_local_training", data)
            told = trainer.train(data, device(), self.args)
            self._hook(trainer, "on_after_local_training", data)
        else:
            told = trainer.train(device(), self.args, data)
        count = self._count(trainer, index, path, True)
        places, end = self._area.write(self._params(trainer), job["out"])
        state, _ = self._area.write(self._private.changed(getattr(trainer, "model", None)), end)
        return {"params": places, "state": state, "sampleCount": count, "facts": _facts(told)}

    def test(self, job):
        trainer = self._prepare(job)
        index, path = job["client"], job["path"]
        data = self._data.of(index, path, False)
        if self._fedml:
            results = None if data is None else trainer.test(data, device(), self.args)
        else:
            results = trainer.test(device(), self.args, data)
        if results is None:
            return {"results": {}, "sampleCount": 0}
        name = "%s.test" % self._kind.__name__
        sound, unsound = to_sound_results(results, name)
        told = {"results": sound, "sampleCount": self._count(trainer, index, path, False)}
        return {**told, "unsound": unsound} if unsound else told

    def aggregate(self, job):
        if self._aggregator is None:
            kind = targets.find(self._request["aggregator"])
            made = kind() if isinstance(kind, type) else kind
            for name in ("aggregate_test_result", "aggregate_result"):
                if callable(getattr(made, name, None)):
                    self._aggregator = (made, name)
                    break
            else:
                raise Problem(
                    "python.load",
                    "The result aggregator %s has neither aggregate_result(results) nor "
                    "aggregate_test_result(round, results)." % self._request["aggregator"]["name"],
                )
        made, name = self._aggregator
        results = {int(index): one for index, one in job["results"].items()}
        given = (job["round"], results) if name == "aggregate_test_result" else (results,)
        return {"results": to_results(getattr(made, name)(*given), "%s.%s" % (type(made).__name__, name))}

    def _load_data(self):
        target = self._request.get("data")
        if target is None:
            return Paths()
        seed_all(self._request["seed"])
        return Loaded(targets.find(target)(self.args))

    def _trainer(self, index):
        key = index if self._per_client else None
        if key not in self._trainers:
            # The same model in all processes.
            seed_all(self._request["seed"])
            limit_threads(self._request["threads"])
            self._trainers[key] = calls.make_trainer(self._kind, self._model(), self.args)
        return self._trainers[key]

    def _model(self):
        target = self._request["model"]
        if target is None:
            return None
        create = targets.find(target)
        return create(self.args) if calls.positional(create) else create()

    def _prepare(self, job):
        index = job["client"]
        trainer = self._trainer(index)
        limit_threads(self._request["threads"])
        if callable(getattr(trainer, "set_id", None)):
            trainer.set_id(index)
        self.args.rank = index + 1
        if id(trainer) not in self._like:
            self._params(trainer)
        self._private.set(getattr(trainer, "model", None), self._area.read(job["state"]))
        trainer.set_model_params(self._like[id(trainer)].make(self._area.read(job["params"])))
        if self._fedml:
            self._data.tell(trainer, index)
        if job["seed"] is not None:
            seed_all(job["seed"])
        return trainer

    def _params(self, trainer):
        params = trainer.get_model_params()
        arrays = to_arrays(params, self._kind.__name__)
        self._like[id(trainer)] = ParamsLike(params)
        return arrays

    def _hook(self, trainer, name, data):
        method = getattr(trainer, name, None)
        if callable(method):
            method(data, device(), self.args)

    def _count(self, trainer, index, path, training):
        count = self._data.count(index, training)
        own = getattr(trainer, "get_local_sample_number", None)
        if count is None and callable(own):
            count = own(path)
        elif count is None:
            count = getattr(trainer, "local_sample_number", 0)
        if isinstance(count, bool) or not hasattr(count, "__index__") or count.__index__() < (1 if training else 0):
            raise Problem(
                "python.samples",
                "%s.get_local_sample_number(%r) returned %r: it must be a whole number of at least 1."
                % (self._kind.__name__, path, count),
            )
        return count.__index__()


def _facts(told):
    """What `train` says of itself: `mean_loss`, `step_count` and facts of an algorithm, by their names."""
    if not isinstance(told, dict):
        return {}
    names = {"mean_loss": "meanLoss", "step_count": "stepCount", "initial_loss": "initialLoss"}
    facts = {}
    for name, value in told.items():
        try:
            facts[names.get(name, str(name))] = float(value)
        except (TypeError, ValueError):
            # A trainer may return whatever it likes.
            continue
    return facts

