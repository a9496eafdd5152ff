"""What both readers, Vensim and XMILE, give."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster_sd.errors import ModelError

__all__ = ["CONTROL", "Parsed", "VariableText", "excerpt", "need_control"]

#: Clean names of the variables that control a run.
CONTROL = ("initial_time", "final_time", "time_step", "saveper")

_NEEDED = {"initial_time": "INITIAL TIME", "final_time": "FINAL TIME", "time_step": "TIME STEP"}


@dataclass(frozen=True)
class VariableText:
    """What the file says about one variable.

    Attributes
    ----------
    name : str
        As written, blanks made single.
    units, documentation : str
        Empty where the file has none.
    limits : (float or None, float or None)
        The range that the modeller gave; not enforced.
    equation : str
        Right side as written, on one line; several definitions (elements of an array) a line each, ``[a] = …``.
    line : int
        Line of the first definition in the user's file, from 1.
    group : str
        Group or module, empty if none.
    subscripts : str
        Of the first definition, ``[a,b]``, empty if none.
    """

    name: str
    units: str
    documentation: str
    limits: tuple[float | None, float | None]
    equation: str
    line: int
    group: str
    subscripts: str = ""

    def joined(self, other: VariableText) -> VariableText:
        """With a further definition; the later units, limits and documentation win where there are any."""
        whole = "\n" in self.equation or not self.subscripts
        first = self.equation if whole else f"{self.subscripts} = {self.equation}"
        return dataclasses.replace(
            self,
            units=other.units or self.units,
            documentation=other.documentation or self.documentation,
            limits=other.limits if other.limits != (None, None) else self.limits,
            equation=f"{first}\n{other.subscripts} = {other.equation}",
        )


@dataclass(frozen=True)
class Parsed:
    """PySD's abstract model and, beside it, what that leaves out."""

    abstract: Any
    variables: Mapping[str, VariableText]
    macros: Mapping[str, Mapping[str, VariableText]]
    method: str
    mappings: Mapping[tuple[str, str], tuple[str, ...]] = dataclasses.field(default_factory=dict)


def need_control(variables: Mapping[str, Any], path: Path) -> None:
    """Refuse a model without its time settings.

    Raises
    ------
    ModelError
        Which of them are missing.
    """
    missing = [name for key, name in _NEEDED.items() if key not in variables]
    if missing:
        raise ModelError(f"has no {' and no '.join(missing)}: the file is cut off or is no model that can be run", path)


def excerpt(what: str, text: str, error: BaseException) -> str:
    """What to say of a parse error: the words at which reading stopped."""
    if isinstance(error, RecursionError):
        return f"this {what} is nested too deeply to be read"
    cause = error.__cause__ or error.__context__ or error
    at = getattr(error, "pos", getattr(cause, "pos", None))
    parsed = getattr(error, "text", getattr(cause, "text", ""))
    short = text if len(text) <= 60 else text[:57] + "…"
    if isinstance(at, int) and parsed:
        rest = parsed[at : at + 40].strip()
        hint = "; put the name in quotation marks" if rest[:1] and ord(rest[0]) > 127 else ""
        return f"can't read this {what} at '{rest}': {short}{hint}" if rest else f"this {what} ends too early: {short}"
    reason = re.sub(r"\s*Parse tree:.*", "", str(error), flags=re.DOTALL).strip().splitlines()
    return f"can't read this {what} ({reason[0][:100] if reason else type(error).__name__}): {short}"
