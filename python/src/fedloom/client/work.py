"""What does a client's work: `PlanWork` and `TrainerWork` have these methods."""

from typing import Any, Dict, NamedTuple, Set

from .errors import ClientError


class Trained(NamedTuple):
    """What came of one local training."""

    update: Dict[str, Any]  # tensors by name, as PROTOCOL.md section 8 says
    trained: Set[str]  # names of those that are trained deltas: what stages see
    facts: Dict[str, float]
    state: Dict[str, Any]  # the client's private tensors, if it counts


class Work:
    def check(self, welcome):
        """Raises `ClientError`: these clients cannot take part in the run."""
        raise NotImplementedError

    def prepare(self, welcome, plan, frozen):
        """`plan`: its bytes, None where the run has none; `frozen`: tensors by name. Raises `ClientError`."""
        raise NotImplementedError

    def train(self, asked, state, wanted):
        """Returns `Trained`. `asked`: what to train; `state`: committed private tensors; `wanted()`: False when the result
        is needed no more. Raises whatever it likes: that costs this client this round."""
        raise NotImplementedError

    def evaluate(self, asked, state, wanted):
        """Returns an entry of `evaluations`, without its client."""
        raise NotImplementedError


def changes(after, before):
    """What travels of a trainer's parameters: floats as differences, PROTOCOL.md section 8.

    Raises `ClientError` `python.params` where they are not like those that the server sent."""
    update = {}
    for name, base in before.items():
        value = after.get(name)
        if value is None or (value.dtype, value.shape) != (base.dtype, base.shape):
            found = "missing" if value is None else f"{value.dtype} {list(value.shape)}"
            raise ClientError(
                "python.params", f"Parameter {name} is {found} after training; the server sent {base.dtype} {list(base.shape)}."
            )
        update[name] = value - base if value.dtype.kind == "f" else value
    return update
