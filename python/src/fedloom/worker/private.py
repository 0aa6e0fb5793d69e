"""What of a model does not travel: it is each client's own, and goes with the client from process to process."""

import sys

import numpy as np

from fedloom.worker.params import to_array


class PrivateParts:
    """Entries of a PyTorch model's state that `get_model_params` leaves out, such as batch-norm statistics."""

    def __init__(self, model, travelling):
        state = _state_of(model)
        # Where the trainer has names of its own, nobody can tell.
        known = any(name in state for name in travelling)
        self._first = {name: _copy(state[name], name) for name in state if known and name not in travelling}

    @property
    def names(self):
        return list(self._first)

    def set(self, model, arrays):
        """Those of `arrays`, and what is not there as the model had it first."""
        if not self._first:
            return
        torch = sys.modules["torch"]
        state = _state_of(model)
        with torch.no_grad():
            for name, first in self._first.items():
                # A copy: some tensors would go on in the memory that they are given.
                state[name].copy_(torch.from_numpy(arrays.get(name, first).copy()))

    def changed(self, model):
        """Those that are not as the model had them first."""
        if not self._first:
            return {}
        state = _state_of(model)
        now = {name: to_array(state[name], name, "The model") for name in self._first}
        return {name: array for name, array in now.items() if array.tobytes() != self._first[name].tobytes()}


def _state_of(model):
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        return {}
    return {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}


def _copy(tensor, name):
    return np.array(to_array(tensor, name, "The model"))
