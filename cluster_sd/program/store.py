"""A cache of lowered programs on disk, so that a model is parsed once and then loads in milliseconds.

One file an entry, in the user's own cache folder (mode 0700): numbers as arrays in an ``.npz``, names and whatever else
the caller keeps with the program as JSON inside it. Nothing is ever unpickled. An entry that is damaged, from another
version, or can't be read counts as absent; a cache that can't be written is no error.

The environment variable ``CLUSTER_SD_CACHE`` names another folder; ``off`` switches the cache off.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from cluster_sd.program.ir import Control, Event, Node, Parameter, Pipe, Program, Rate, Slot, State, Table
from cluster_sd.version import __version__

__all__ = ["Entry", "folder", "key", "load", "pack", "save", "unpack"]

#: Raised whenever the layout below changes.
FORMAT = 1
#: The oldest entries beyond this many are deleted when one is added.
MOST_ENTRIES = 500
OFF = ("off", "0", "no", "none")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept for a model.

    Attributes
    ----------
    program : Program
    metadata : dict
        JSON values (NaN and infinities allowed): names, units, documentation, hashes of data files.
    """

    program: Program
    metadata: Mapping[str, Any]


def key(*parts: str | bytes) -> str:
    """Name of the entry for `parts` (contents, options), this version of the package, its code, PySD's and Python's.

    Examples
    --------
    >>> key("a", "bc") == key("ab", "c")
    False
    """
    digest = hashlib.blake2b(digest_size=20)
    versions = (__version__, str(FORMAT), _code(), _pysd(), sys.implementation.cache_tag or sys.version)
    for part in (*versions, *parts):
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def folder() -> Path | None:
    """The cache's folder, made with mode 0700 where it is missing; None where there is none for this user alone."""
    asked = os.environ.get("CLUSTER_SD_CACHE", "")
    if asked.lower() in OFF:
        return None
    try:
        path = Path(asked) if asked else _default_folder()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path if _private(path) else None
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return None


def load(name: str) -> Entry | None:
    """The entry called `name` (a :func:`key`), or None where there is none that can be used."""
    place = folder()
    if place is None:
        return None
    path = place / f"{name}.npz"
    try:
        entry = unpack(path.read_bytes())
    except Exception:  # what is missing, and whatever damage makes of zipfile, NumPy and json: the entry is made again
        return None
    with suppress(OSError):
        os.utime(path)  # the oldest by use go first
    return entry


def save(name: str, entry: Entry) -> bool:
    """Keep `entry` under `name`, in place of one that may be there; False where the cache can't be written.

    Writers don't disturb each other or a reader: a file appears whole, under its final name, or not at all.
    """
    place = folder()
    if place is None:
        return False
    content = pack(entry)
    try:
        handle, temporary = tempfile.mkstemp(dir=place, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, place / f"{name}.npz")
        except BaseException:
            os.unlink(temporary)
            raise
        _forget_oldest(place)
    except OSError:
        return False
    return True


# --- the layout of an entry -------------------------------------------------------------------------------------------


def pack(entry: Entry) -> bytes:
    """`entry` as the bytes of a file: nodes as arrays, the rest as JSON; floats to the bit, NaN and -0.0 too."""
    nodes = entry.program.nodes
    ops = sorted({node.op for node in nodes})
    number = {op: i for i, op in enumerate(ops)}
    rest = {f.name: getattr(entry.program, f.name) for f in fields(Program) if f.name != "nodes"}
    rest = {**rest, "outputs": dict(entry.program.outputs), "control": astuple(entry.program.control)}
    text = {"format": FORMAT, "version": __version__, "ops": ops, "program": rest, "metadata": entry.metadata}
    attrs = [node.attr for node in nodes]
    arrays = {
        "text": np.frombuffer(json.dumps(text, default=_number).encode(), np.uint8),
        "op": np.array([number[node.op] for node in nodes], np.int64),
        "rate": np.array([node.rate for node in nodes], np.int64),
        "arity": np.array([len(node.args) for node in nodes], np.int64),
        "args": np.array([argument for node in nodes for argument in node.args], np.int64),
        "whole": np.array([i for i, value in enumerate(attrs) if isinstance(value, int)], np.int64),
        "whole_value": np.array([value for value in attrs if isinstance(value, int)], np.int64),
        "float": np.array([i for i, value in enumerate(attrs) if isinstance(value, float)], np.int64),
        "float_value": np.array([value for value in attrs if isinstance(value, float)], np.float64),
    }
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def unpack(content: bytes) -> Entry:
    """The entry that :func:`pack` made `content` of; raises one of several errors where it is damaged."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    text = json.loads(arrays["text"].tobytes())
    if text["format"] != FORMAT or text["version"] != __version__:
        raise ValueError("another version")
    parts = text["program"]
    rows = {name: tuple(row(*values) for values in parts[name]) for name, row in _ROWS.items()}
    plain = {name: tuple(parts[name]) for name in parts if name not in (*_ROWS, "outputs", "control")}
    return Entry(
        Program(
            nodes=_nodes(text["ops"], arrays),
            **rows,
            **plain,
            outputs=parts["outputs"],
            control=Control(*parts["control"]),
        ),
        text["metadata"],
    )


def _table(name: str, x: list[float], y: list[float], *rest: Any) -> Table:
    return Table(name, tuple(x), tuple(y), *rest)


#: Parts of a program that are tuples of rows.
_ROWS: Mapping[str, Callable[..., Any]] = {
    "parameters": Parameter,
    "states": State,
    "slots": Slot,
    "pipes": Pipe,
    "tables": _table,
    "events": Event,
}

def _number(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item()


def _nodes(ops: list[str], arrays: Mapping[str, np.ndarray]) -> tuple[Node, ...]:
    attrs: list[float | int | None] = [None] * len(arrays["op"])
    for kind in ("whole", "float"):
        for i, value in zip(arrays[kind].tolist(), arrays[f"{kind}_value"].tolist(), strict=True):
            attrs[i] = value
    args = arrays["args"].tolist()
    ends = np.cumsum(arrays["arity"]).tolist()
    rates = list(Rate)
    columns = (
        [ops[i] for i in arrays["op"].tolist()],
        [tuple(args[end - n : end]) for n, end in zip(arrays["arity"].tolist(), ends, strict=True)],
        attrs,
        [rates[i] for i in arrays["rate"].tolist()],
    )
    return tuple(map(Node._make, zip(*columns, strict=True)))


# --- the folder -------------------------------------------------------------------------------------------------------


def _default_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("cluster_sd", appauthor=False)


def _private(path: Path) -> bool:
    """Whether only this user may write into `path`: what is read from it decides what is computed."""
    if not hasattr(os, "getuid"):  # Windows: the profile's own rights
        return True
    status = path.stat()
    if status.st_uid != os.getuid():
        return False
    if status.st_mode & 0o077:
        path.chmod(0o700)
    return True


def _forget_oldest(place: Path) -> None:
    """Delete the entries that were used longest ago, where there are too many, and what killed writers left."""
    age = {path: path.stat().st_mtime for path in place.iterdir()}
    entries = sorted((path for path in age if path.suffix == ".npz"), key=age.__getitem__)
    forsaken = [path for path in age if path.suffix == ".tmp" and age[path] < time.time() - 86_400]
    for path in [*entries[: max(len(entries) - MOST_ENTRIES, 0)], *forsaken]:
        path.unlink(missing_ok=True)


def _code() -> str:
    """Size and time of each file of the code that reads and lowers: a changed package never meets its old entries."""
    package = Path(__file__).resolve().parent.parent
    found = []
    for part in ("model", "program"):
        for path, folders, files in os.walk(package / part):
            folders.sort()
            for name in sorted(files):
                if name.endswith(".py"):
                    status = os.stat(os.path.join(path, name))
                    found.append(f"{part}/{name}:{status.st_size}:{status.st_mtime_ns}")
    return ";".join(found)


def _pysd() -> str:
    """What tells one installed PySD from another, without the time that importing it takes."""
    from importlib.util import find_spec

    spec = find_spec("pysd")
    if spec is None or spec.origin is None:
        return ""
    try:
        return Path(spec.origin).with_name("_version.py").read_text(encoding="utf-8")
    except OSError:
        status = os.stat(spec.origin)
        return f"{spec.origin}:{status.st_size}:{status.st_mtime_ns}"
