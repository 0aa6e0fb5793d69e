"""Safetensors, PROTOCOL.md section 8. Tensors are numpy arrays by name."""

import hashlib
import json

import numpy as np
import safetensors
import safetensors.numpy

from .errors import ClientError

DTYPES = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "I32": "<i4", "I64": "<i8", "U8": "|u1", "BOOL": "|b1"}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def by_name(names):
    """Ascending by UTF-16 code units, as the protocol orders names."""
    return sorted(names, key=lambda name: name.encode("utf-16-be", "surrogatepass"))


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def decode(body):
    """name -> array.

    Raises `ClientError` `safetensors.invalid`: overlaps, holes, lengths that are not those of dtype and shape."""
    try:
        return safetensors.numpy.load(bytes(body))
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise ClientError("safetensors.invalid", f"These bytes are no tensors that fedloom knows: {error}.") from error


def encode(tensors):
    """The one form that fedloom writes too: equal tensors give equal bytes."""
    arrays = {name: np.asarray(tensors[name]) for name in by_name(tensors)}
    offsets, end = {}, 0
    for name in sorted(arrays, key=lambda name: -arrays[name].itemsize):  # stable: by name within a size
        offsets[name] = [end, end + arrays[name].nbytes]
        end += arrays[name].nbytes
    header = {
        name: {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": offsets[name]}
        for name, array in arrays.items()
    }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(arrays[name].tobytes() for name in offsets)
    return len(text).to_bytes(8, "little") + text + data
