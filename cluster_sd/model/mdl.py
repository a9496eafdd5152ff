r"""Vensim's ``.mdl`` text cut into entries, each with its line; nothing in an equation is understood here.

An entry is ``equation ~ units ~ documentation [~ flags] |``. Around the entries stand group banners (a line of
asterisks), macros, the sketch (from ``\\\---///``) and the settings (from ``:L<%^E!@``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Entry", "Macro", "Mdl", "method_of", "scan"]

_SKETCH = re.compile(r"^\\{2,3}---///", re.MULTILINE)
_SETTINGS = re.compile(r"^:L\x7f?<%\^E!@", re.MULTILINE)
_INTEGRATION = re.compile(r"^15:(?:\s*-?\d+\s*,){3}\s*(\d+)", re.MULTILINE)
_METHODS = {0: "euler", 1: "rk4", 2: "euler", 3: "heun", 4: "heun", 5: "rk4"}

_ENCODING = re.compile(r"\s*\{\s*[\w.-]+\s*\}")
_EQUATION = re.compile(r'"(?:\\"|[^"])*"|\{[^}]*\}|[~|]')
_BAR = re.compile(r"[~|]")
_MACRO = re.compile(r"\s*:MACRO:\s*(?P<name>[^(~|]+?)\s*\((?P<args>[^)]*)\)", re.IGNORECASE)
_END = re.compile(r"\s*:END\s+OF\s+MACRO:", re.IGNORECASE)
_BLANK = re.compile(r"(?:\s|\{[^}]*\})*")


@dataclass(frozen=True)
class Macro:
    """Head of a macro: its name, what goes in, what comes out beside the macro's own value, and its line."""

    name: str
    params: tuple[str, ...]
    returns: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Entry:
    """One entry: texts as in the file, line (from 1) at which the equation starts, group and macro that hold it."""

    equation: str
    units: str
    documentation: str
    line: int
    group: str
    macro: Macro | None


@dataclass(frozen=True)
class Mdl:
    """A whole file: entries in order, macros in order, integration method, and how the equations end.

    ``open_line`` is the line of an entry that the file leaves unfinished, ``None`` for a whole file.
    """

    entries: tuple[Entry, ...]
    macros: tuple[Macro, ...]
    method: str
    open_line: int | None


def scan(text: str) -> Mdl:
    r"""Cut the text of a ``.mdl`` file (newlines ``\n``) into entries."""
    sketch = _SKETCH.search(text)
    body = text[: sketch.start()] if sketch else text
    reader = _Reader(body)
    reader.run()
    return Mdl(tuple(reader.entries), tuple(reader.macros), method_of(text), reader.open_line)


def method_of(text: str) -> str:
    """Integration method in the file's settings: the fourth number of line ``15:``; Euler where there is none.

    0 Euler, 1 RK4 auto, 2 difference, 3 RK2 auto, 4 RK2 fixed, 5 RK4 fixed; an automatic step becomes the file's own.
    """
    settings = _SETTINGS.search(text)
    found = _INTEGRATION.search(text, settings.end()) if settings else None
    return _METHODS.get(int(found.group(1)), "euler") if found else "euler"


class _Reader:
    """One pass over the equations."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.entries: list[Entry] = []
        self.macros: list[Macro] = []
        self.open_line: int | None = None
        self._macro: Macro | None = None
        self._group = ""
        self._line, self._counted = 1, 0

    def run(self) -> None:
        header = _ENCODING.match(self.body)
        at = header.end() if header else 0
        while True:
            at = self._skip(at)
            if at >= len(self.body):
                return
            at = self._take(at)

    def _skip(self, at: int) -> int:
        found = _BLANK.match(self.body, at)
        return found.end() if found else at

    def _take(self, at: int) -> int:
        """Read one thing that starts at `at`; return where it ends."""
        head = _MACRO.match(self.body, at)
        if head:
            return self._open_macro(head, at)
        end = _END.match(self.body, at)
        if end:
            self._macro = None
            return end.end()
        return self._entry(at)

    def _open_macro(self, head: re.Match[str], at: int) -> int:
        inputs, _, outputs = head["args"].partition(":")
        names = tuple(tuple(n.strip() for n in part.split(",") if n.strip()) for part in (inputs, outputs))
        self._macro = Macro(" ".join(head["name"].split()), names[0], names[1], self._line_at(at))
        self.macros.append(self._macro)
        return head.end()

    def _entry(self, at: int) -> int:
        line = self._line_at(at)
        fields: list[str] = []
        start = at
        while True:
            mark = self._bar(start, in_equation=not fields)
            if mark is None:
                self.open_line = line
                return len(self.body)
            fields.append(self.body[start : mark.start()])
            start = mark.end()
            if mark.group() == "|":
                break
        self._add(fields, line)
        return start

    def _bar(self, at: int, in_equation: bool) -> re.Match[str] | None:
        """The next ``~`` or ``|`` that isn't in a quoted name or a comment."""
        for found in (_EQUATION if in_equation else _BAR).finditer(self.body, at):
            if found.group() in "~|":
                return found
        return None

    def _add(self, fields: list[str], line: int) -> None:
        head = fields[0].strip()
        if head.startswith("***") and head.endswith("***"):
            self._group = " ".join(head.strip("*").split()).lstrip(".")
            return
        units, documentation = [*fields[1:3], "", ""][:2]
        self.entries.append(Entry(fields[0], units.strip(), documentation.strip(), line, self._group, self._macro))

    def _line_at(self, at: int) -> int:
        self._line += self.body.count("\n", self._counted, at)
        self._counted = at
        return self._line
