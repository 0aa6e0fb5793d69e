"""Part folders, PROTOCOL.md section 9: the samples of clients that train a plan."""

import json
import pathlib

import numpy as np

from . import tensors
from .errors import ClientError


def part_folder(data, index, alone):
    """Where client `index` finds its part: in the folder `data`, if it is the only one, in client-<index> there, or in what
    the template `data` says, with `{rank}` from 1 and `{index}` from 0."""
    named = data.replace("{rank}", str(index + 1)).replace("{index}", str(index))
    if named != data:
        return pathlib.Path(named)
    folder = pathlib.Path(data)
    return folder if alone and (folder / "part.json").exists() else folder / f"client-{index}"


class Part:
    """A client's samples: `train` and `test` are (x, y); without test samples both are empty."""

    def __init__(self, folder, spec, index):
        """`spec`: `data` of the plan's manifest. Raises `ClientError` `part.*`, `data.*`, which names folder and file."""
        info = _info(folder)
        if info["index"] != index:
            raise ClientError(
                "part.index",
                f"The part folder {folder} is that of client {info['index']}, as its part.json says, and not of client {index}.",
            )
        classes, wanted = info["data"]["y"].get("classes"), spec["y"].get("classes")
        if classes != wanted:
            raise ClientError("data.labels", f"{folder / 'part.json'}: {classes} classes, but the plan expects {wanted}.")
        found, expected = info["data"]["encoding"], spec.get("encoding")
        if found is not None and expected is not None and found != expected:
            raise ClientError(
                "data.encoding",
                f"{folder / 'part.json'}: the rows were made into numbers otherwise than the plan has it. Deal the parts again.",
            )
        self.train, self.test = (
            _split(folder / f"{split}.safetensors", info["samples"][split], spec) for split in ("train", "test")
        )
        if len(self.train[0]) == 0:
            raise ClientError("client.no-samples", f"{folder} holds no training samples.")


def _info(folder):
    path = folder / "part.json"
    try:
        info = json.loads(_read(path).decode())
        if info["format"] != 1:
            raise KeyError(f"format {info['format']}")
        data = {"y": dict(info["data"]["y"]), "encoding": info["data"].get("encoding")}
        return {"index": int(info["index"]), "data": data, "samples": {"train": 0, "test": 0, **info["samples"]}}
    except (ValueError, KeyError, TypeError) as error:
        raise ClientError("part.json", f"{path} is not a part's description: {error}.") from error


def _split(path, count, spec):
    if count == 0:
        return np.zeros(0), np.zeros(0)
    try:
        found = tensors.decode(_read(path))
    except ClientError as error:
        raise ClientError(error.code, f"{path}: {error.message}" if str(path) not in error.message else error.message)
    for name in ("x", "y"):
        _check(path, name, found.get(name), count, spec[name])
    return found["x"], found["y"]


def _check(path, name, array, count, spec):
    if array is None:
        raise ClientError("data.names", f"{path} has no tensor {name}; a part has tensors x and y.")
    if str(array.dtype) != spec["dtype"]:
        raise ClientError("data.dtype", f"{path}: {name} holds {array.dtype}; the plan expects {spec['dtype']}.")
    if list(array.shape[1:]) != spec["shape"]:
        wanted = ", ".join(map(str, ["samples", *spec["shape"]]))
        raise ClientError("data.shape", f"{path}: {name} has shape {list(array.shape)}; the plan expects [{wanted}].")
    if len(array) != count:
        raise ClientError("part.samples", f"{path}: {name} holds {len(array)} samples, but part.json says {count}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ClientError("data.not-finite", f"{path}: {name} holds NaN or infinity; replace or drop such samples.")
    classes = spec.get("classes")
    if classes is not None and not ((array >= 0) & (array < classes)).all():
        raise ClientError("data.labels", f"{path}: {name} has labels beyond the {classes} classes 0 to {classes - 1}.")


def _read(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise ClientError(
            "part.missing",
            f"Cannot read {path.name} in the data folder {path.parent}: {error.strerror}. "
            "`fedloom partition` writes such folders.",
        ) from error
