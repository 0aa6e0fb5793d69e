"""The file, in memory where there is such a place, through which tensors pass between the two processes."""

import io

import numpy as np

ALIGNMENT = 64

DTYPES = {
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
    "float16": np.dtype("<f2"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
    "uint8": np.dtype("u1"),
    "bool": np.dtype("?"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


class Area:
    def __init__(self, fd):
        self._file = io.FileIO(fd, "r+", closefd=False)

    def read(self, places):
        """Arrays by name, of their own and writable, of what the other process wrote."""
        arrays = {}
        for place in places:
            array = np.empty(place["shape"], DTYPES[place["dtype"]])
            self._file.seek(place["offset"])
            self._fill(_bytes_of(array))
            arrays[place["name"]] = array
        return arrays

    def write(self, arrays, offset):
        """Writes contiguous arrays from `offset` on. Returns where each lies, and where the last one ends."""
        places = []
        for name, array in arrays.items():
            offset = -(-offset // ALIGNMENT) * ALIGNMENT
            places.append({"name": name, "dtype": NAMES[array.dtype], "shape": list(array.shape), "offset": offset})
            self._file.seek(offset)
            left = _bytes_of(array)
            while len(left) > 0:
                left = left[self._file.write(left) :]
            offset += array.nbytes
        return places, offset

    def _fill(self, into):
        while len(into) > 0:
            count = self._file.readinto(into)
            if not count:
                raise EOFError("the shared file ends before its tensors do")
            into = into[count:]


def _bytes_of(array):
    return memoryview(array.reshape(-1).view(np.uint8))
