"""A trainer's parameters as it has them, and as arrays."""

import sys
from collections import OrderedDict

import numpy as np

from fedloom.worker.area import NAMES
from fedloom.worker.problem import Problem

# What has no place of its own on the way, and what holds all of its values.
_WIDER = {"bfloat16": "float32", "int8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64"}


class ParamsLike:
    """Turns arrays into parameters like those a trainer gave: names in the same order, each of the same type."""

    def __init__(self, params):
        self._dict = OrderedDict if isinstance(params, OrderedDict) else dict
        self._makers = [(name, _maker(value)) for name, value in params.items()]

    def make(self, arrays):
        missing = [name for name, _ in self._makers if name not in arrays]
        extra = sorted(set(arrays) - {name for name, _ in self._makers})
        if missing or extra:
            what = "lacks %s" % _quoted(missing[0]) if missing else "also has %s" % _quoted(extra[0])
            raise Problem("python.params", "The model %s, unlike what get_model_params gives." % what)
        return self._dict((name, make(arrays[name])) for name, make in self._makers)


def to_arrays(params, who):
    """Contiguous arrays of a dict of PyTorch tensors, numpy arrays, numbers or nested lists."""
    if not hasattr(params, "items") or len(params) == 0:
        raise Problem(
            "python.params", "%s: get_model_params must return a dict of named tensors, not %s." % (who, _shown(params))
        )
    arrays = {}
    for name, value in params.items():
        if not isinstance(name, str):
            raise Problem("python.params", "%s: get_model_params named a parameter %r, which is no text." % (who, name))
        arrays[name] = to_array(value, name, who)
    return arrays


def to_array(value, name, who):
    if _is_tensor(value):
        tensor = value.detach()
        wider = _WIDER.get(str(tensor.dtype).replace("torch.", ""))
        if wider is not None:
            tensor = tensor.to(getattr(sys.modules["torch"], wider))
        try:
            array = tensor.cpu().numpy()
        except (TypeError, RuntimeError) as error:
            raise _unusable(name, who, str(error))
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise _unusable(name, who, str(error))
        if not isinstance(value, (np.ndarray, np.generic)):
            array = _from_python(array)
        elif array.dtype.name in _WIDER:
            array = array.astype(_WIDER[array.dtype.name])
    if array.dtype.newbyteorder("<") not in NAMES:
        raise _unusable(name, who, "its elements are %s" % array.dtype)
    # A 0-d array stays one, which ascontiguousarray would not leave so.
    return np.require(array.astype(array.dtype.newbyteorder("<"), copy=False), requirements="C")


def _from_python(array):
    """Plain numbers, and lists of them, are float32, as in a model that travels as nested lists."""
    return array.astype(np.float32) if array.dtype.kind in "fiub" else array


def _maker(value):
    """How an array becomes a value like this one."""
    if _is_tensor(value):
        torch = sys.modules["torch"]
        dtype, device = value.dtype, value.device
        return lambda array: torch.from_numpy(array).to(device=device, dtype=dtype)
    if isinstance(value, np.generic):
        kind = type(value)
        return lambda array: kind(array[()])
    if isinstance(value, np.ndarray):
        dtype = value.dtype
        return lambda array: array.astype(dtype, copy=False)
    return lambda array: array.tolist()


def _is_tensor(value):
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _unusable(name, who, why):
    return Problem(
        "python.params", "%s gave parameter %s, which cannot travel: %s." % (who, _quoted(name), why), parameter=name
    )


def _quoted(name):
    return '"%s"' % name


def _shown(value):
    return "None" if value is None else "a %s" % type(value).__name__
