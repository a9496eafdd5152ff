"""A model file read once: PySD's abstract model and, beside it, names, units, documentation and lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cluster_sd.errors import InputError, ModelError
from cluster_sd.model.names import clean
from cluster_sd.model.parsed import VariableText
from cluster_sd.model.text import read_text

__all__ = ["KINDS", "Source", "VariableText", "read_source"]

#: What the end of a model file's name says.
KINDS = {".mdl": "vensim", ".xmile": "xmile", ".stmx": "xmile", ".xml": "xmile", ".itmx": "xmile"}


@dataclass(frozen=True)
class Source:
    """What a model file says.

    Attributes
    ----------
    path : Path
        As the user named it.
    folder : Path
        Where the file lies; data that the model names are read from here and below.
    kind : str
        ``"vensim"`` or ``"xmile"``.
    abstract : pysd.translators.structures.abstract_model.AbstractModel
        Sections, elements and expressions, from the repaired text.
    variables : mapping of str to VariableText
        By clean name (see `cluster_sd.model.names.clean`), in the order of the file.
    macros : mapping of str to mapping
        By clean name of a macro, its variables in the same form.
    method : str
        Integration method of the file: ``euler``, ``heun``, ``rk4``, ``rk45`` or ``bdf``.
    mappings : mapping of (str, str) to tuple of str
        Mappings of one subscript range to another that list elements: by clean names of both, what each element of the
        first is mapped to, an element or a range of the second, in clean form. Where that is not simply the second in
        its order, the range's own ``mapping`` in `abstract` lacks it.
    text : str
        The decoded file, unrepaired.
    """

    path: Path
    folder: Path
    kind: str
    abstract: Any
    variables: Mapping[str, VariableText]
    macros: Mapping[str, Mapping[str, VariableText]]
    method: str
    mappings: Mapping[tuple[str, str], tuple[str, ...]]
    text: str

    def line(self, name: str, macro: str = "") -> int | None:
        """Line at which `name` is first defined, ``None`` if it isn't; `macro` names the macro to look in."""
        found = (self.macros.get(clean(macro), {}) if macro else self.variables).get(clean(name))
        return found.line if found else None

    def place(self, name: str, macro: str = "") -> str:
        """``file.mdl:120``, or the file alone for a name that it doesn't define."""
        line = self.line(name, macro)
        return str(self.path) if line is None else f"{self.path}:{line}"


def read_source(path: str | Path) -> Source:
    """Read a ``.mdl``, ``.xmile`` or ``.stmx`` file; nothing is written, nothing in it is run.

    Raises
    ------
    ModelError
        If the file is missing, empty, binary, cut off, or an equation can't be read; with file and line.
    UnsupportedError
        If it uses something that is known and not supported.
    """
    path = Path(path)
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: is no model file; a model is a .mdl, .xmile or .stmx file")
    text = read_text(path)
    if text.lstrip().startswith("<") != (kind == "xmile"):
        holds = "holds no XML: is it a Vensim model (.mdl)?" if kind == "xmile" else "holds XML: is it XMILE (.xmile)?"
        raise ModelError(holds, path)
    try:
        if kind == "vensim":
            from cluster_sd.model.vensim import read_vensim as read
        else:
            from cluster_sd.model.xmile import read_xmile as read
        parsed = read(text, path)
    except RecursionError:
        raise ModelError("is nested too deeply to be read", path) from None
    return Source(
        path=path,
        folder=path.parent,
        kind=kind,
        abstract=parsed.abstract,
        variables=MappingProxyType(dict(parsed.variables)),
        macros=MappingProxyType(dict(parsed.macros)),
        method=parsed.method,
        mappings=MappingProxyType(dict(parsed.mappings)),
        text=text,
    )
