"""What `test` and result aggregators return, as named numbers and lists of them."""

import json
import math

from fedloom.worker.problem import Problem


def to_results(value, who):
    """Takes a dict or its JSON text; numbers may be texts, or of any type that is a number (numpy, 0-d tensors)."""
    sound, unsound = to_sound_results(value, who)
    for name, reason in unsound.items():
        raise Problem("python.results", '%s returned the result "%s", which %s.' % (who, name, reason))
    return sound


def to_sound_results(value, who):
    """As `to_results`, name by name: the sound ones, and of each of the others why it is none."""
    sound, unsound = {}, {}
    for name, item in to_named(value, who).items():
        try:
            sound[str(name)] = _result(item)
        except _Unsound as problem:
            unsound[str(name)] = str(problem)
    return sound, unsound


class _Unsound(Exception):
    """Why a value is no result, to go on after its name."""


def to_named(value, who):
    """The dict, whatever its values are."""
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise Problem("python.results", "%s returned a text that is not JSON: %s." % (who, error))
    if not hasattr(value, "items"):
        raise Problem(
            "python.results", "%s must return a dict of named results, or its JSON text, not %s." % (who, _shown(value))
        )
    return value


def _result(value):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_number(item) for item in value]
    return _number(value)


def _number(value):
    try:
        if isinstance(value, dict) or value is None:
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise _Unsound("is %s; it must be a number, the text of one, or a list of these" % _shown(value))
    if not math.isfinite(number):
        raise _Unsound("is %s: has the training diverged?" % number)
    return number


def _shown(value):
    return "None" if value is None else "%s (%s)" % (repr(value)[:80], type(value).__name__)
