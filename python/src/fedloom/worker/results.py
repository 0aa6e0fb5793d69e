"""What `test` and result aggregators return, as named numbers and lists of them."""

import json
import math

from fedloom.worker.problem import Problem


def to_results(value, who):
    """Takes a dict or its JSON text; numbers may be texts, or of any type that is a number (numpy, 0-d tensors)."""
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise Problem("python.results", "%s returned a text that is not JSON: %s." % (who, error))
    if not hasattr(value, "items"):
        raise Problem(
            "python.results", "%s must return a dict of named results, or its JSON text, not %s." % (who, _shown(value))
        )
    return {str(name): _result(item, str(name), who) for name, item in value.items()}


def _result(value, name, who):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_number(item, name, who) for item in value]
    return _number(value, name, who)


def _number(value, name, who):
    try:
        if isinstance(value, dict) or value is None:
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise Problem(
            "python.results",
            '%s returned the result "%s" as %s; it must be a number, the text of one, or a list of these.'
            % (who, name, _shown(value)),
        )
    if not math.isfinite(number):
        raise Problem(
            "python.results", '%s returned the result "%s" as %s: has the training diverged?' % (who, name, number)
        )
    return number


def _shown(value):
    return "None" if value is None else "%s (%s)" % (repr(value)[:80], type(value).__name__)
