"""How a user's class wants to be called: FineFL's way, or that of FedML 0.8."""

import inspect

from fedloom.worker.problem import Problem

_METHODS = ("get_model_params", "set_model_params", "train", "test")


def positional(function):
    """Names of the arguments that a call must or may give by place, without `self` of a bound method."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]


def make_trainer(kind, model, args):
    check_methods(kind)
    return kind(model, args) if len(positional(kind)) >= 2 else kind(model)


def check_methods(kind):
    if not inspect.isclass(kind):
        raise Problem("python.load", "%r is no class: name the class of the trainer." % (kind,), target=str(kind))
    missing = [name for name in _METHODS if _lacks(kind, name)]
    if not device_second(kind) and _lacks(kind, "get_local_sample_number"):
        missing.append("get_local_sample_number")
    missing += sorted(set(getattr(kind, "__abstractmethods__", ())) - set(missing))
    if missing:
        raise Problem(
            "python.load",
            "The class %s lacks %s: a trainer has %s." % (kind.__name__, _listed(missing), _listed(list(_METHODS))),
            target=kind.__name__,
        )


def _lacks(kind, name):
    method = getattr(kind, name, None)
    return not callable(method) or getattr(method, "__isabstractmethod__", False)


def device_second(kind):
    """FedML 0.8: `train(train_data, device, args)`. FineFL: `train(device, args, train_path)`."""
    train = getattr(kind, "train", None)
    names = positional(train) if callable(train) else []
    # `self` comes first in a class.
    return len(names) > 2 and names[2] == "device"


def _listed(names):
    return names[0] if len(names) == 1 else "%s and %s" % (", ".join(names[:-1]), names[-1])
