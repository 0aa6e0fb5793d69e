"""Safetensors, PROTOCOL.md section 8. Tensors are numpy arrays by name."""

import hashlib
import json

import numpy as np

DTYPES = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "I32": "<i4", "I64": "<i8", "U8": "|u1", "BOOL": "|b1"}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def by_name(names):
    """Ascending by UTF-16 code units, as the protocol orders names."""
    return sorted(names, key=lambda name: name.encode("utf-16-be"))


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def decode(body):
    """name -> array, as views of `body`."""
    length = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + length])
    data = memoryview(body)[8 + length :]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


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
