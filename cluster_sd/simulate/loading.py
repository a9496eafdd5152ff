"""From a model file to a program with its metadata; through the cache where it is warm (PySD isn't imported then)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd.errors import InputError, ModelError
from cluster_sd.model.names import clean
from cluster_sd.program import store
from cluster_sd.program.ir import Program
from cluster_sd.simulate.metadata import Metadata, file_hash, read_metadata
from cluster_sd.simulate.plan import Exposed

if TYPE_CHECKING:
    from cluster_sd.model.source import Source


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model file's program and metadata."""

    program: Program
    metadata: Metadata


def load_program(path: Path, exposed: Exposed | None = None, *, allow_outside: bool = False) -> Loaded:
    """Program and metadata of a model file, with the variables `exposed` laid open.

    Parameters
    ----------
    path : Path
        Model file.
    exposed : mapping of str to times or None
        See :func:`cluster_sd.program.lower.lower`.
    allow_outside : bool
        Whether data outside the model's folder may be read.

    Raises
    ------
    ModelError, UnsupportedError
        For a file that can't be read, understood or run.
    """
    content = _read(path)
    name = _key(content, path.suffix.lower(), exposed or {}, allow_outside)
    return _cached(name, path, allow_outside) or _made(name, path, content, exposed or {}, allow_outside)


def _read(path: Path) -> bytes:
    from cluster_sd.model.text import read_text

    try:
        return path.read_bytes()
    except OSError:
        read_text(path)  # says what is wrong
        raise ModelError("can't be read", path) from None


def _key(content: bytes, suffix: str, exposed: Exposed, allow_outside: bool) -> str:
    spread = sorted((clean(name), None if times is None else list(times)) for name, times in exposed.items())
    return store.key("program", content, suffix, json.dumps(spread), str(allow_outside))


def _cached(name: str, path: Path, allow_outside: bool) -> Loaded | None:
    entry = store.load(name)
    if entry is None:
        return None
    try:
        metadata = Metadata.from_json(str(path), entry.metadata)
    except (KeyError, TypeError, ValueError):
        return None
    if any(_hash(path.parent, file, allow_outside) != digest for file, digest in metadata.files):
        return None
    return Loaded(entry.program, metadata)


def _made(name: str, path: Path, content: bytes, exposed: Exposed, allow_outside: bool) -> Loaded:
    from cluster_sd.model.source import read_source
    from cluster_sd.program.lower import lower

    source = read_source(path)
    program = lower(source, dict(exposed), allow_outside)
    files = data_files(source, allow_outside)
    metadata = read_metadata(source, program, hashlib.sha256(content).hexdigest(), files)
    store.save(name, store.Entry(program, metadata.to_json()))
    return Loaded(program, metadata)


def data_files(source: Source, allow_outside: bool = False) -> tuple[tuple[str, str], ...]:
    """Data files that a parsed model names, in its own words, with their SHA-256."""
    hashes = ((name, _hash(source.folder, name, allow_outside)) for name in sorted(set(_file_names(source.abstract))))
    return tuple((name, digest) for name, digest in hashes if digest is not None)


def _hash(folder: Path, name: str, allow_outside: bool) -> str | None:
    from cluster_sd.model.external import find_data

    try:
        return file_hash(find_data(folder, name, allow_outside))
    except (InputError, OSError):
        return None


def _file_names(abstract: Any) -> Iterator[str]:
    for section in abstract.sections:
        asts = [c.ast for element in section.elements for c in element.components]
        ranges = [r.subscripts for r in section.subscripts]
        for one in (*asts, *ranges):
            file = one.get("file") if isinstance(one, dict) else getattr(one, "file", None)
            if isinstance(file, str):
                yield file
