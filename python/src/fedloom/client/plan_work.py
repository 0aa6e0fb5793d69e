"""Clients that train the plan that the server ships, on part folders."""

from .errors import ClientError
from .parts import Part, part_folder
from .plan import Plan, onnx_runtime
from .results import sound
from .work import Trained, Work

KNOWN_FACTS = {"initialLoss"}


class PlanWork(Work):
    def __init__(self, clients, data, device="cpu"):
        """`clients`: their indices; `data`: their folder; `device`: as of `Plan`.

        Raises `ClientError` `client.package`."""
        onnx_runtime()
        self._clients, self._data, self._device = clients, data, device
        self._parts = {}

    def check(self, welcome):
        if welcome["workload"]["kind"] != "plan":
            raise ClientError(
                "client.needs-task",
                f"The run's task '{welcome['workload']['task']}' uses trainers: start this client with --trainer FILE:CLASS.",
            )
        unknown = [fact for fact in welcome["needs"] if fact not in KNOWN_FACTS]
        if unknown:
            raise ClientError(
                "client.unknown-fact",
                f"The run's algorithm needs the fact \"{unknown[0]}\" of every update, which this client does not know.",
            )
        self._needs, self._seed = welcome["needs"], welcome["seed"]

    def prepare(self, welcome, plan, frozen):
        self._plan, self._frozen = Plan(plan, self._device), frozen
        self._start = self._plan.initial_state()
        for index in self._clients:
            folder = part_folder(self._data, index, alone=len(self._clients) == 1)
            self._parts[index] = Part(folder, self._plan.manifest["data"], index)

    def train(self, asked, state, wanted):
        model, state = {**self._frozen, **asked.model}, {**self._start, **state}
        samples, facts = self._parts[asked.client].train, {}
        if "initialLoss" in self._needs:
            facts["initialLoss"] = self._plan.initial_loss(model, state, samples)
        key = {"seed": self._seed, "task": asked.task, "client": asked.client}
        update, more, state = self._plan.train(model, state, samples, asked.scalars, wanted=wanted, **key)
        return Trained(update, set(self._plan.deltas), {**facts, **more}, state)

    def evaluate(self, asked, state, wanted):
        model, samples = {**self._frozen, **asked.model}, self._parts[asked.client].test
        statistics = self._plan.evaluate(model, {**self._start, **state}, samples, wanted)
        return sound({"sampleCount": len(samples[0]), "statistics": statistics})
