"""Numbers that do not fit in memory: a file of rows that is deleted with its owner."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


class Scratch(Generic[Number]):
    """Values of one type in a file, appended in order and read by place."""

    def __init__(self, path: Path, dtype: type[Number]) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.size = 0
        self._file = path.open("w+b")

    def append(self, values: NDArray[Number]) -> None:
        self._file.write(np.ascontiguousarray(values, dtype=self.dtype).tobytes())
        self.size += values.size

    def read(self, start: int, count: int) -> NDArray[Number]:
        """`count` values from number `start` on."""
        self._file.flush()
        data = os.pread(self._file.fileno(), count * self.dtype.itemsize, start * self.dtype.itemsize)
        return np.frombuffer(data, dtype=self.dtype)

    def gather(self, starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[Number]:
        """Several stretches, one after another."""
        self._file.flush()
        descriptor, width = self._file.fileno(), self.dtype.itemsize
        places = zip(starts.tolist(), counts.tolist(), strict=True)
        data = b"".join(os.pread(descriptor, count * width, start * width) for start, count in places)
        return np.frombuffer(data, dtype=self.dtype)

    def close(self) -> None:
        self._file.close()
        self.path.unlink()
