"""What of a test can be counted: PROTOCOL.md, `evaluations`."""

import math

from .errors import ClientError

SAMPLES_MAX = 10**9
NAMES_MAX = 64
NAME_LENGTH_MAX = 256
LIST_LENGTH_MAX = 4096
REASON_LENGTH_MAX = 256


def sound(entry, unsound=None):
    """An entry of `evaluations` with its sound results alone, name by name, and why the others are none."""
    count = entry["sampleCount"]
    if not 0 <= count <= SAMPLES_MAX:
        raise ClientError("client.results", f"The test gave a sample count of {count}; at most {SAMPLES_MAX} can be counted.")
    if count == 0:
        return {"sampleCount": 0, "statistics": {}}
    reasons, kept = dict(unsound or {}), {}
    for kind in ("statistics", "results"):
        named = entry.get(kind, {})
        problems = {name: _problem(name, value["sum"] if kind == "statistics" else value) for name, value in named.items()}
        kept[kind] = {name: value for name, value in named.items() if problems[name] is None}
        reasons.update({name: why for name, why in problems.items() if why is not None})
        if len(kept[kind]) > NAMES_MAX:
            raise ClientError("client.results", f"The test gave {len(kept[kind])} results; at most {NAMES_MAX} travel.")
    made = {"sampleCount": count, **{kind: kept[kind] for kind in ("statistics", "results") if kind in entry}}
    if reasons:
        told = list(reasons.items())[:NAMES_MAX]
        made["unsound"] = {_usable(name): why[:REASON_LENGTH_MAX] for name, why in told}
    return made


def _problem(name, value):
    if name in ("", "__proto__") or len(name) > NAME_LENGTH_MAX:
        return "that is no name for a result"
    if not isinstance(value, (list, tuple)):
        return None if math.isfinite(value) else f"is {value}"
    if not 1 <= len(value) <= LIST_LENGTH_MAX:
        return f"is a list of {len(value)}; from 1 to {LIST_LENGTH_MAX} travel"
    return next((f"holds {one} at place {at + 1}" for at, one in enumerate(value) if not math.isfinite(one)), None)


def _usable(name):
    return f"({name})" if name in ("", "__proto__") else name[:NAME_LENGTH_MAX]
