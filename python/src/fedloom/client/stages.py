"""Client halves of the stages, PROTOCOL.md section 8. A half turns what would travel into what travels."""

import math

import numpy as np

from .errors import ClientError
from .tensors import by_name


class NotFinite(ClientError):
    def __init__(self, message):
        super().__init__("stage.failed", message)


def number(options, stage, name, least, most):
    """The one option of a stage. Raises `ClientError` `stage.option`."""
    value = options.get(name)
    if set(options) != {name} or isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ClientError("stage.option", f"{stage} has the options {options}; it takes {name}, from {least} to {most}.")
    return value


class TopK:
    """Sends the largest elements; what it did not send stays with the client and joins the next update."""

    def __init__(self, options):
        self.fraction = number(options, "topK", "fraction", 0, 1)
        if self.fraction == 0:
            raise ClientError("stage.option", "topK: fraction is 0; it must be above 0.")

    def run(self, tensors, trained, state):
        """`trained`: names of the trained tensors; `state`: this stage's private tensors. Returns what travels, the
        trained among it, and the next state."""
        names = by_name(trained)
        sums = {}
        for name in names:
            delta = tensors[name]
            kept = np.float64 if delta.dtype == np.float64 else np.float32
            sums[name] = delta.astype(kept) + state.get(name, np.zeros(delta.shape, kept))
        vector = np.concatenate([sums[name].ravel() for name in names])
        if not np.isfinite(vector).all():
            raise NotFinite("topK: the update has values that are not finite")
        count = min(vector.size, max(1, math.ceil(self.fraction * vector.size)))
        # Stable: of equal magnitudes the lowest positions come first.
        chosen = np.sort(np.argsort(-np.abs(vector), kind="stable")[:count]).astype(np.int32)
        values, residual, start = vector.copy(), {}, 0
        for name in names:
            part = slice(start, start + sums[name].size)
            if tensors[name].dtype == np.float16:
                values[part] = values[part].astype(np.float16)
            start = part.stop
        sent = np.zeros_like(vector)
        sent[chosen] = values[chosen]
        if not np.isfinite(sent).all():
            raise NotFinite("topK: the update has values beyond float16")
        start = 0
        for name in names:
            shape, dtype, size = sums[name].shape, sums[name].dtype, sums[name].size
            residual[name] = (vector - sent)[start : start + size].astype(dtype).reshape(shape)
            start += size
        rest = {name: tensor for name, tensor in tensors.items() if name not in trained}
        payload = {"topK/indices": chosen, "topK/values": values[chosen]}
        return {**rest, **payload}, {"topK/values"}, residual


class Clip:
    """Scales the trained vector down to a norm."""

    def __init__(self, options):
        self.norm = number(options, "clip", "norm", 1e-100, 1e100)

    def run(self, tensors, trained, state):
        with np.errstate(over="ignore"):
            squares = [np.square(tensors[name].astype(np.float64)).ravel() for name in by_name(trained)]
        if not all(np.isfinite(part).all() for part in squares):
            raise NotFinite("clip: the update has no finite norm")
        norm = math.sqrt(math.fsum(square for part in squares for square in part))
        if norm <= self.norm:
            return tensors, trained, {}
        factor = self.norm / norm * (1 - 2**-50)
        scaled = {name: toward_zero(tensors[name], factor) for name in trained}
        return {**tensors, **scaled}, trained, {}


def toward_zero(array, factor):
    exact = array.astype(np.float64) * factor
    rounded = exact.astype(array.dtype)
    above = np.abs(rounded.astype(np.float64)) > np.abs(exact)
    return np.where(above, np.nextafter(rounded, np.zeros_like(rounded)), rounded).astype(array.dtype)


KNOWN = {"topK": TopK, "clip": Clip}


class Stages:
    """The client halves of a run's stages, in their order."""

    def __init__(self, descriptors):
        """`descriptors`: as `stages` of `welcome`. Raises `ClientError` `stage.unknown`, `stage.option`."""
        unknown = [stage["name"] for stage in descriptors if stage["name"] not in KNOWN]
        if unknown:
            raise ClientError(
                "stage.unknown",
                f"The run passes its updates through {', '.join(unknown)}, which this client lacks; it has "
                f"{', '.join(KNOWN)}. Use the client in Node, or a newer fedloom here.",
            )
        self._stages = [(stage["name"], KNOWN[stage["name"]](dict(stage["options"]))) for stage in descriptors]

    def apply(self, update, trained, committed):
        """What travels of the tensors `update`, of which `trained` are the trained deltas; and the stages' next private
        tensors, `stage:name/tensor`. `committed`: all of the client's private tensors."""
        kept = {}
        for name, stage in self._stages:
            prefix = f"stage:{name}/"
            own = {key[len(prefix) :]: value for key, value in committed.items() if key.startswith(prefix)}
            update, trained, state = stage.run(update, trained, own)
            kept.update((prefix + key, value) for key, value in state.items())
        return update, kept
