"""What does a client's work: `PlanWork` and `TrainerWork` have these methods."""

from typing import Any, Dict, NamedTuple, Set


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
