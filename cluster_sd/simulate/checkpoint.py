"""The checkpointed form of an ensemble: finished blocks go to ``.NAME.partial`` beside the output, and are read back.

The file is a line of JSON that says what it belongs to, then blocks of runs in whatever order they were finished, each
with its checksum. Whatever a kill leaves half-written at the end is cut off when the ensemble goes on. A run's result
depends on its number alone, so the blocks of a later start need not be those of the first.
"""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.simulate.batch import Experiment

_MAGIC = "cluster_sd partial ensemble 1"
_RECORD = struct.Struct("<qqqI")  # first run, last run + 1, bytes that follow, their CRC-32
_CHANGED = {
    "model": "the model, its data files or the package",
    "design": "the design, the scenario, the streams or another parameter value",
    "measures": "the measures",
    "settings": "the solver, the backend, the time settings or the seed",
}


def partial_path(out: str | Path) -> Path:
    """Where the finished blocks of an ensemble are kept whose results go to `out`."""
    out = Path(out)
    return out.with_name(f".{out.name}.partial")


def discard(out: str | Path) -> None:
    """Remove the kept blocks of `out`, where there are any: the results are written."""
    partial_path(out).unlink(missing_ok=True)


def identity(
    experiment: Experiment, model: str, measures: tuple[str, ...], settings: Mapping[str, Any]
) -> dict[str, str]:
    """Hashes of everything that a result depends on, under the words of :data:`_CHANGED`."""
    inputs, grid = experiment.inputs, experiment.grid
    design = hashlib.sha256(json.dumps([inputs.runs, [p.name for p in experiment.program.parameters]]).encode())
    design.update(inputs.base.tobytes())
    for column in inputs.columns:
        design.update(struct.pack("<qd?", column.parameter, column.time, bool(column.values.ndim)))
        design.update(np.ascontiguousarray(column.values).tobytes())
    if experiment.streams is not None:
        design.update(experiment.streams.tobytes())
    times = [grid.start, grid.stop, grid.dt, grid.save_step, experiment.seed]
    return {
        "model": model,
        "design": design.hexdigest(),
        "measures": digest(list(measures)),
        "settings": digest([times, dict(settings)]),
    }


def digest(value: Any) -> str:
    """Hash of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class Checkpoint:
    """Finished blocks of an ensemble on disk; use it as a context manager.

    Parameters
    ----------
    out : path
        Where the results will go; the blocks are kept beside it.
    belongs : dict of str to str
        See :func:`identity`.
    arrays : dict of str to array
        The results, runs along the first axis; they are filled by :meth:`restore`, and read by :meth:`add`.
    resume : bool
        Whether to go on with what is there; else it is begun afresh.

    Raises
    ------
    InputError
        When going on with the blocks of another ensemble: what differs, and what to do.
    """

    def __init__(
        self, out: str | Path, belongs: dict[str, str], arrays: Mapping[str, NDArray[Any]], resume: bool
    ) -> None:
        self.path = partial_path(out)
        self._arrays, self._belongs = dict(arrays), belongs
        self._lock = threading.Lock()
        runs = len(next(iter(self._arrays.values())))
        self.done: NDArray[np.bool_] = np.zeros(runs, dtype=bool)
        end = self._restore() if resume and self.path.exists() else 0
        try:
            self._file: BinaryIO = open(self.path, "r+b" if end else "wb")
        except OSError as error:
            raise InputError(f"{self.path}: can't be written: {error.strerror or error}") from None
        if end:
            self._file.seek(end)
            self._file.truncate()
        else:
            self._file.write(json.dumps({"file": _MAGIC, **belongs}).encode() + b"\n")
            self._file.flush()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, first: int, last: int) -> None:
        """Keep the runs from `first` up to, not including, `last`."""
        body = b"".join(np.ascontiguousarray(array[first:last]).tobytes() for array in self._arrays.values())
        head = _RECORD.pack(first, last, len(body), zlib.crc32(body))
        with self._lock:
            self._file.write(head + body)
            self._file.flush()
            self.done[first:last] = True

    def _restore(self) -> int:
        """Read what is whole into the arrays; give the place where it ends (0: nothing can be used)."""
        with open(self.path, "rb") as file:
            try:
                header = json.loads(file.readline())
                found = {key: header[key] for key in self._belongs}
                known = header["file"] == _MAGIC
            except (ValueError, KeyError, TypeError):
                return 0  # the kill came before the first line was whole
            if not known:
                return 0  # the form of another version
            changed = [words for key, words in _CHANGED.items() if found[key] != self._belongs[key]]
            if changed:
                raise InputError(
                    f"{self.path} belongs to another ensemble: {'; '.join(changed)} changed since; put that back, or "
                    f"start without --resume to begin afresh"
                )
            end = file.tell()
            while self._record(file):
                end = file.tell()
        return end

    def _record(self, file: BinaryIO) -> bool:
        head = file.read(_RECORD.size)
        if len(head) < _RECORD.size:
            return False
        first, last, size, checksum = _RECORD.unpack(head)
        width = sum(array[:1].nbytes for array in self._arrays.values())
        if not 0 <= first < last <= len(self.done) or size != width * (last - first):
            return False
        body = file.read(size)
        if len(body) < size or zlib.crc32(body) != checksum:
            return False
        at = 0
        for array in self._arrays.values():
            block = array[first:last]
            count = block.size * array.itemsize
            block[...] = np.frombuffer(body[at : at + count], dtype=array.dtype).reshape(block.shape)
            at += count
        self.done[first:last] = True
        return True
