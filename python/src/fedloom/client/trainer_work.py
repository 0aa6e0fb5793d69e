"""Clients that train by a trainer of the user's own, in this very process: as `pythonTrainer` does it in processes of Node."""

import os
import sys
import traceback

import numpy as np

from ..worker import names
from ..worker.problem import Problem
from ..worker.session import Session
from . import philox
from .errors import ClientError
from .results import sound
from .work import Trained, Work, changes


class TrainerWork(Work):
    def __init__(self, trainer, model=None, *, data=None, args=None, train_path=None, test_path=None, data_dir="./data"):
        """`trainer`: `f.py:MyTrainer` or `package.module:MyTrainer`; `model`, what makes its model, and `data`, what loads
        FedML's data by client, likewise. `args`: what the code finds in its arguments. `train_path`, `test_path`: of a
        client's data, with `{rank}`, from 1, and `{index}`, from 0."""
        self._targets = {"trainer": _target(trainer), "model": _target(model), "data": _target(data), "aggregator": None}
        self._args = {"data_path": data_dir, **(args or {})}
        place = self._args["data_path"]
        self._paths = (train_path or f"{place}/client_{{rank}}_train", test_path or f"{place}/client_{{rank}}_test")

    def check(self, welcome):
        workload = welcome["workload"]
        if workload["kind"] != "trainer":
            raise ClientError(
                "client.other-task",
                "The server ships a training plan, this client was started with a trainer: start it with --data alone.",
            )
        self._seed = welcome["seed"]

    def prepare(self, welcome, plan, frozen):
        names.stand_in()
        arguments = {
            "client_num_in_total": welcome["clients"],
            "frequency_of_the_test": 1,
            "epochs": 1,
            "batch_size": 32,
            "lr": 0.01,
            "is_mobile": 0,
            "gpu_server_num": 1,
            "gpu_num_per_server": 1,
            "random_seed": self._seed,
            **self._args,
        }
        request = {**self._targets, "args": arguments, "seed": self._seed, "perClient": False, "threads": 1}
        self._session = _told(lambda: Session(_Here(), request))
        described = _told(self._session.describe)
        self._names, self._buffers = set(described["params"]), set(described["buffers"])

    def train(self, asked, state, wanted):
        self._check_names(asked.model)
        done = self._do(self._session.train, self._job(asked, state, 0))
        update = changes(done["params"], asked.model)
        trained = {name for name, value in update.items() if value.dtype.kind == "f"} - self._buffers
        facts = {"stepCount": 0, **done["facts"], "sampleCount": done["sampleCount"]}
        return Trained(update, trained, facts, done["state"])

    def evaluate(self, asked, state, wanted):
        done = self._do(self._session.test, self._job(asked, state, 1))
        if done["sampleCount"] == 0:
            return {"sampleCount": 0, "statistics": {}}
        return sound({"sampleCount": done["sampleCount"], "statistics": {}, "results": done["results"]}, done.get("unsound"))

    def _job(self, asked, state, split):
        path = self._paths[split].replace("{rank}", str(asked.client + 1)).replace("{index}", str(asked.client))
        # The client's own stream for this round, as the client in Node draws from it.
        stream = philox.Stream(self._seed, ("trainer", "trainer-test")[split], asked.task, asked.client)
        params = {name: value.copy() for name, value in asked.model.items()}
        return {"client": asked.client, "path": path, "seed": stream.word(), "params": params, "state": state, "out": 0}

    def _check_names(self, model):
        extra = sorted(set(model) - self._names)
        if extra:
            raise ClientError(
                "client.other-task", f"The server's model also has {extra[0]}, which the trainer's get_model_params does not give."
            )

    @staticmethod
    def _do(work, job):
        """What the user's code raises costs this client this round; where it was raised is told here."""
        try:
            return _told(lambda: work(job))
        except ClientError:
            raise
        except Exception:
            traceback.print_exc(file=sys.stderr)
            raise


class _Here:
    """In the place of the file through which tensors pass to another process."""

    @staticmethod
    def read(params):
        return params

    @staticmethod
    def write(arrays, offset):
        return {name: np.array(array) for name, array in arrays.items()}, offset


def _target(text):
    if text is None:
        return None
    place, colon, name = text.rpartition(":")
    if not colon or not name.isidentifier():
        raise ClientError("client.trainer", f"'{text}' must be FILE:NAME or MODULE:NAME, such as f.py:MyTrainer.")
    return {"place": os.path.abspath(place) if place.endswith(".py") else place, "name": name}


def _told(work):
    try:
        return work()
    except Problem as problem:
        raise ClientError(problem.code, problem.message) from problem
