"""Finished stages, kept in the user's cache folder under a key of everything that they depend on.

An entry is JSON, compressed; nothing is ever unpickled. One that is damaged, or can't be read, counts as absent; a
folder that can't be written is no error.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cluster_sd.program import store
from cluster_sd.stages.found import Found, LeftOut, from_json, to_json
from cluster_sd.version import __version__

if TYPE_CHECKING:
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import Stage

__all__ = ["Keep", "key_of", "shelf"]

#: Raised whenever what a stage gives changes without its code.
FORMAT = 1
#: Folder within the cache.
FOLDER = "stages"
SUFFIX = ".json.gz"
#: The oldest entries beyond this many, or beyond so many bytes, are deleted when one is added.
MOST_ENTRIES, MOST_BYTES = 300, 300_000_000
#: Packages whose code no stage here runs.
APART = ("commands", "report")


@dataclass(frozen=True)
class Keep:
    """A folder of finished stages.

    Attributes
    ----------
    folder : Path
        Of this user alone.
    """

    folder: Path

    def load(self, key: str) -> tuple[Found | LeftOut, float] | None:
        """What is kept under `key`, and the seconds that it took; None where there is nothing that can be used."""
        path = self.folder / f"{key}{SUFFIX}"
        try:
            content = json.loads(gzip.decompress(path.read_bytes()))
            found = from_json(content["result"]), float(content["seconds"])
        except Exception:  # what is missing, and whatever damage makes of gzip and json: the stage is done again
            return None
        with suppress(OSError):
            os.utime(path)  # the oldest by use go first
        return found

    def save(self, key: str, result: Found | LeftOut, seconds: float) -> bool:
        """Keep `result` under `key`, whole or not at all; False where the folder can't be written."""
        text = json.dumps({"result": to_json(result), "seconds": seconds})
        content = gzip.compress(text.encode(), compresslevel=3, mtime=0)
        try:
            handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.replace(temporary, self.folder / f"{key}{SUFFIX}")
            except BaseException:
                os.unlink(temporary)
                raise
            self._forget_oldest()
        except OSError:
            return False
        return True

    def _forget_oldest(self) -> None:
        """Delete the entries that were used longest ago, where they are too many or too large."""
        status = {path: path.stat() for path in self.folder.iterdir()}
        entries = sorted((p for p in status if p.name.endswith(SUFFIX)), key=lambda p: -status[p].st_mtime)
        size = 0
        for count, path in enumerate(entries, 1):
            size += status[path].st_size
            if count > MOST_ENTRIES or (size > MOST_BYTES and count > 1):
                path.unlink(missing_ok=True)
        for path in status:  # what killed writers left
            if path.suffix == ".tmp" and status[path].st_mtime < time.time() - 86_400:
                path.unlink(missing_ok=True)


def shelf() -> Keep | None:
    """The user's own; None where the cache is off (``CLUSTER_SD_CACHE=off``) or there is no place for one."""
    place = store.folder()
    if place is None:
        return None
    try:
        (place / FOLDER).mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return Keep(place / FOLDER)


def key_of(case: Case, name: str, stage: Stage) -> str:
    """Name of the entry of a stage: a hash of everything that its result depends on."""
    digest = hashlib.blake2b(digest_size=20)
    for part in _parts(case, name, stage):
        content = part.encode()
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def _parts(case: Case, name: str, stage: Stage) -> Iterator[str]:
    yield from (
        str(FORMAT),
        __version__,
        _code(_package(stage)),
        sys.implementation.cache_tag or sys.version,
        platform.machine(),
    )
    model = case.model
    yield from (_libraries(), name, model.path.name, model.hash if stage.views else model.equations_hash)
    yield json.dumps(model.files)
    for file in stage.reads:
        yield f"{file}:{_digest(case.folder / file)}"
    for setting in stage.settings:
        yield f"{setting}={getattr(case, setting)}"
    if stage.statistics:
        yield f"own={bool(case.data)}"
        for path in case.files:
            yield f"{path.name}:{_digest(path)}"


def _digest(path: Path) -> str:
    """SHA-256 of a file; empty where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _package(stage: Stage) -> str:
    """The package whose code a stage may run beside what all stages run: that of its function, where it is none."""
    parts = stage.make.__module__.split(".")
    return next((part for part in parts[1:2] if part in APART), "")


@cache
def _code(more: str) -> str:
    """Size and time of each file of the package that a stage may run: changed code never meets its old results."""
    package = Path(__file__).resolve().parent.parent
    found = []
    for path in sorted(package.rglob("*.py")):
        part = path.relative_to(package).parts[0]
        if part not in APART or part == more:
            status = path.stat()
            found.append(f"{path.relative_to(package).as_posix()}:{status.st_size}:{status.st_mtime_ns}")
    return hashlib.sha256(";".join(found).encode()).hexdigest()


@cache
def _libraries() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("numpy", "scipy", "SALib", "llvmlite", "pysd", "pint"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)
