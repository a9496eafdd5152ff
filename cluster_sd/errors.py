"""What can go wrong, said to the person who can put it right.

Every message is one line: what is wrong, where, and what would be right. The command line prints an `InputError` after
``cluster-sd: error:`` and ends with status 2; nothing here is ever shown as a traceback.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable

__all__ = [
    "ClusterSDError",
    "InputError",
    "ModelError",
    "SimulationError",
    "UnknownNameError",
    "UnsupportedError",
    "unknown",
]


def _line(text: object) -> str:
    return " ".join(str(text).split())


class ClusterSDError(Exception):
    """Base of all errors of this package; ``str()`` of it is one line."""

    def __str__(self) -> str:
        return _line(self.args[0]) if self.args else type(self).__name__


class InputError(ClusterSDError):
    """The user's mistake: a file, a name, a number or a setting that can't be used. Exit status 2."""


class UnknownNameError(InputError):
    """A name that nothing has.

    Parameters
    ----------
    message : str
        The whole line.
    name : str
        The name that was asked for.
    close : tuple of str
        Names that look like it, best first.
    """

    def __init__(self, message: str, name: str = "", close: tuple[str, ...] = ()) -> None:
        super().__init__(message, name, close)
        self.name = name
        self.close = close


class ModelError(InputError):
    """A model file, or one of a model's own files, that can't be used.

    Parameters
    ----------
    message : str
        What is wrong and what would be right, without the place.
    file : path, optional
        The file as the user named it.
    line : int, optional
        Line in `file`, from 1.
    """

    def __init__(self, message: str, file: str | os.PathLike[str] | None = None, line: int | None = None) -> None:
        name = None if file is None else os.fspath(file)
        super().__init__(message, name, line)
        self.message = _line(message)
        self.file = name
        self.line = line

    @property
    def place(self) -> str:
        """``file.mdl:120``, ``file.mdl`` or nothing."""
        if self.file is None:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class UnsupportedError(ModelError):
    """Something valid in a model that this package doesn't run, called by its name and never run wrongly."""


class SimulationError(ClusterSDError):
    """A run that failed: a stock or a kept variable is not finite.

    Parameters
    ----------
    variable : str
        Name as in the model file.
    time : float
        The first time at which it isn't finite.
    detail : str, optional
        What happened, where it is something else than a value that is not finite: why a solver could go no further.
    """

    def __init__(self, variable: str, time: float, detail: str = "") -> None:
        super().__init__(variable, time, detail)
        self.variable = variable
        self.time = time
        self.detail = detail

    def __str__(self) -> str:
        if self.detail:
            return _line(f"the run failed at time {self.time:.10g}, at {self.variable}: {self.detail}")
        return _line(f"the run failed: {self.variable} is not finite at time {self.time:.10g}")


def unknown(kind: str, name: str, choices: Iterable[str], where: str = "") -> UnknownNameError:
    """An error for a name that nothing has, with the close names or, where they are few, all of them.

    Parameters
    ----------
    kind : str
        What the name should be: ``"variable"``, ``"scenario"``, ``"column"`` …
    name : str
        The name that was asked for.
    choices : iterable of str
        The names that exist.
    where : str, optional
        File and row, or the option, in which it was asked for.

    Returns
    -------
    UnknownNameError
        To be raised by the caller.

    Examples
    --------
    >>> str(unknown("variable", "Farmer capitol", ["Farmer capital", "Price"], "--set"))
    "unknown variable 'Farmer capitol' in --set; did you mean 'Farmer capital'?"
    """
    names = list(dict.fromkeys(choices))
    close = _close(name, names)
    place = f" in {where}" if where else ""
    if close:
        tail = "did you mean " + " or ".join(f"'{n}'" for n in close) + "?"
    elif not names:
        tail = "there is none"
    elif len(names) <= 12:
        tail = "it can be " + ", ".join(f"'{n}'" for n in names)
    else:
        tail = "nothing is called alike"
    return UnknownNameError(f"unknown {kind} '{_line(name)}'{place}; {tail}", name, close)


def _close(name: str, names: list[str]) -> tuple[str, ...]:
    """Up to three names alike, first by letters, then those that hold the asked name."""
    plain = {n: re.sub(r"[\s_\"]+", " ", n).strip().lower() for n in names}
    wanted = re.sub(r"[\s_\"]+", " ", name).strip().lower()
    score = {n: difflib.SequenceMatcher(None, wanted, p).ratio() for n, p in plain.items() if wanted and p}
    score.update({n: max(score.get(n, 0.0), 0.7) for n, p in plain.items() if len(wanted) > 2 and wanted in p})
    best = sorted((n for n in score if score[n] >= 0.66), key=lambda n: (-score[n], n))
    return tuple(best[:3])
