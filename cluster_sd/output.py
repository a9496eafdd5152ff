"""Results on disk: whole or not at all, each with a ``run.json`` that says where it came from.

A file is written beside its final place under a hidden name and then moved, and so is a folder; whoever stops the
program leaves nothing half done. ``run.json`` stands in the folder of the result and describes the newest result there;
when another result comes into the same folder, the description of the one before moves to ``NAME.run.json``.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from cluster_sd.errors import InputError
from cluster_sd.version import __version__

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = [
    "FORMATS",
    "check",
    "check_folder",
    "deliver",
    "deliver_folder",
    "digest",
    "folder_of",
    "record",
    "write_csv",
    "write_netcdf",
    "write_parquet",
]

#: Suffix of a result's file -> what it is.
FORMATS: Mapping[str, str] = {".csv": "csv", ".nc": "netcdf", ".parquet": "parquet"}
#: Those whose versions run.json gives, where they were used.
LIBRARIES = ("numpy", "scipy", "llvmlite", "xarray", "pandas", "pyarrow", "netCDF4")
#: Rows of a CSV file that are turned into text at a time.
ROWS = 20_000

#: Some rows of a table: an array a column.
Block = Sequence[np.ndarray]


def check(path: str) -> Path:
    """The path of a result, looked at before any work is done for it.

    Raises
    ------
    InputError
        When the suffix names no format, the path is a folder, or its folder can't be made or written to. A folder that
        is missing is no error: it is made with the result.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        ending = f"the ending '{target.suffix}'" if target.suffix else "no ending"
        raise InputError(f"--out {path}: {ending} says no format; it can be {', '.join(FORMATS)}")
    if target.is_dir():
        raise InputError(f"--out {path}: is a folder; a file is needed")
    _refuse_unwritable(path, target.parent)
    return target


def check_folder(path: str) -> Path:
    """The path of a result that is a folder, looked at before any work is done for it.

    A folder that is there already may hold other things: they stay, and only what an earlier result of this program
    left there is replaced.

    Raises
    ------
    InputError
        When the path is a file, or the folder can't be made or written to.
    """
    target = Path(path)
    _refuse_unwritable(path, target)
    _refuse_unwritable(path, target.parent)  # the result is made beside its place
    return target


def _refuse_unwritable(path: str, folder: Path) -> None:
    """An error where `folder`, or the nearest one above it that exists, can't be written to."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(f"--out {path}: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"--out {path}: no right to write into {folder}")


def deliver(target: Path, write: Callable[[Path], None], record: Callable[[], Mapping[str, Any]]) -> None:
    """Write a result and its ``run.json``, both or neither.

    Parameters
    ----------
    target : Path
        Where the result is to stand; a file that is there is replaced.
    write : callable
        Writes the result to the path that it is given.
    record : callable
        Called after `write`; gives what ``run.json`` says (JSON values).
    """
    try:
        about = target.parent / "run.json"
        with folder_of(target), ExitStack() as both:
            described = both.enter_context(whole(about))
            write(both.enter_context(whole(target)))
            text = json.dumps({"out": target.name, **record()}, indent=2, ensure_ascii=False)
            described.write_text(text + "\n", encoding="utf-8")
            _set_aside(about, target.name)
    except OSError as error:
        raise InputError(f"--out {target}: can't be written ({error.strerror or error})") from error


def deliver_folder(target: Path, write: Callable[[Path], None], record: Callable[[], Mapping[str, Any]]) -> None:
    """Write a result that is a folder, with its ``run.json``, whole or not at all.

    Parameters
    ----------
    target : Path
        The folder. What an earlier result left there (``files`` of its ``run.json``) is replaced; all else stays.
    write : callable
        Writes files, also in folders, below the path that it is given.
    record : callable
        Called after `write`; gives what ``run.json`` says (JSON values).
    """
    final = target.resolve()
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        with folder_of(final):
            try:
                temporary.mkdir()
                write(temporary)
                files = sorted(p.relative_to(temporary).as_posix() for p in temporary.rglob("*") if p.is_file())
                text = json.dumps({"out": target.name, **record(), "files": files}, indent=2, ensure_ascii=False)
                (temporary / "run.json").write_text(text + "\n", encoding="utf-8")
                _settle(temporary, final, files)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise InputError(f"--out {target}: can't be written ({error.strerror or error})") from error


def _settle(made: Path, final: Path, files: Sequence[str]) -> None:
    """Move a finished folder to its place: at once where nothing is there, else file by file, ``run.json`` last."""
    if not final.exists():
        os.replace(made, final)
        return
    earlier = set(_files(final)) - set(files)
    for name in (*files, "run.json"):
        (final / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(made / name, final / name)
    for name in earlier:
        (final / name).unlink(missing_ok=True)
        with suppress(OSError):  # other files are still there
            (final / name).parent.rmdir()


def _files(folder: Path) -> Iterator[str]:
    """The files that an earlier result left in `folder`, as its ``run.json`` says; none outside the folder."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        for name in json.loads((folder / "run.json").read_text(encoding="utf-8"))["files"]:
            if (folder / name).resolve().is_relative_to(folder):
                yield name


@contextmanager
def folder_of(target: Path) -> Iterator[None]:
    """Make the folder of a result where it is missing; take it away again when the block ends with an error."""
    missing = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path to write to; its file becomes `target` when the block ends well, and is gone when it doesn't."""
    final = target.resolve() if target.is_symlink() else target
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def _set_aside(about: Path, name: str) -> None:
    """Keep another result's ``run.json`` as ``OTHER.run.json``; drop an old description of this result."""
    about.with_name(f"{name}.run.json").unlink(missing_ok=True)
    try:
        other = json.loads(about.read_text(encoding="utf-8"))["out"]
        theirs = isinstance(other, str) and other != name and (about.parent / other).is_file()
        if theirs and Path(other).name == other:
            os.replace(about, about.with_name(f"{other}.run.json"))
    except (OSError, ValueError, KeyError, TypeError):
        return  # no earlier description, or none of ours


def write_csv(file: IO[str], names: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write columns as CSV: each number as the shortest text that reads back as the same number.

    Parameters
    ----------
    file : text file
        Opened with ``newline=""``.
    names : sequence of str
        Names of the columns.
    blocks : iterable of sequences of arrays
        Rows, some at a time: an array a column, of floats, integers, booleans or strings. Floats that are not finite
        are written as ``nan``, ``inf`` and ``-inf``.
    """
    csv.writer(file, lineterminator="\n").writerow(names)
    for block in blocks:
        for begin in range(0, len(block[0]), ROWS):
            text = [_text(column[begin : begin + ROWS]) for column in block]
            file.writelines(",".join(row) + "\n" for row in zip(*text, strict=True))


def _text(column: np.ndarray) -> Iterable[str]:
    if column.dtype.kind in "fiub":
        return map(repr, column.tolist())
    return (_quoted(str(value)) for value in column.tolist())


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


def write_parquet(
    path: Path, names: Sequence[str], blocks: Iterable[Block], about: Mapping[str, Mapping[str, str]], **remarks: str
) -> None:
    """Write columns as Parquet.

    Parameters
    ----------
    path : Path
    names, blocks
        As in :func:`write_csv`; a column that is an array of two axes becomes a column of lists.
    about : mapping of str to mapping
        Metadata of a column's field: unit and documentation.
    **remarks : str
        Metadata of the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    try:
        for block in blocks:
            columns = [_arrow(np.asarray(column), pa) for column in block]
            if writer is None:
                known = [{k: v for k, v in about.get(name, {}).items() if v} or None for name in names]
                fields = [pa.field(n, c.type, metadata=m) for n, c, m in zip(names, columns, known, strict=True)]
                writer = pq.ParquetWriter(path, pa.schema(fields, metadata=remarks or None))
            writer.write_table(pa.Table.from_arrays(columns, schema=writer.schema))
    finally:
        if writer is not None:
            writer.close()


def _arrow(column: np.ndarray, pa: Any) -> Any:
    if column.ndim < 2:
        return pa.array(column)
    return pa.FixedSizeListArray.from_arrays(pa.array(column.reshape(-1)), column.shape[1])


def write_netcdf(path: Path, dataset: Any) -> None:
    """Write an xarray dataset as NetCDF 4; a name that NetCDF forbids is changed and kept in the attribute ``name``."""
    renamed = {name: _allowed(name) for name in map(str, dataset.variables) if _allowed(name) != name}
    for name in renamed:
        dataset[name].attrs["name"] = name
    dataset.rename(renamed).to_netcdf(path, engine="netcdf4", format="NETCDF4")


def _allowed(name: str) -> str:
    """`name` as NetCDF allows it: no ``/`` (here U+2215), no control letter, and first a letter, digit or ``_``."""
    plain = re.sub(r"[\x00-\x1f\x7f]", " ", name.replace("/", "\u2215")).rstrip()
    return plain if re.match(r"[A-Za-z0-9_\u0080-\U0010ffff]", plain) else f"_{plain}"


def record(
    command: str, model: Model, settings: Mapping[str, Any], begun: float, runs: int, failed: int
) -> dict[str, Any]:
    """What ``run.json`` says of every result.

    Parameters
    ----------
    command : str
        The command's name.
    model : Model
    settings : mapping
        Everything that determines the result, beside the model and its data (JSON values).
    begun : float
        ``time.perf_counter()`` when the command began.
    runs, failed : int
        How many runs were made, and how many of them failed.
    """
    return {
        "command": command,
        "model": {"name": model.name, "file": model.path.name, "sha256": model.hash},
        "data": {**dict(model.files), **_tables(model, settings)},
        "settings": _plain(settings),
        "seed": settings.get("seed"),
        "runs": runs,
        "failed": failed,
        "seconds": round(time.perf_counter() - begun, 3),
        "versions": versions(),
    }


def _tables(model: Model, settings: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of the tables beside a model that a scenario is made of."""
    if settings.get("scenario") is None:
        return {}
    paths = (model.path.parent / name for name in ("parameters.csv", "scenarios.toml"))
    return {path.name: digest(path) for path in paths if path.is_file()}


def digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python, of this package, of PySD, whose parser reads models, and of the libraries that were used."""
    from importlib.metadata import version

    used = {name: getattr(sys.modules.get(name), "__version__", None) for name in LIBRARIES}
    read_by = {"cluster_sd": __version__, "python": sys.version.split()[0], "pysd": version("pysd")}
    return {**read_by, **{name: found for name, found in used.items() if found}}


def _plain(value: Any) -> Any:
    """`value` as JSON values: arrays as lists, numbers of NumPy as Python's, not finite numbers as text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value
