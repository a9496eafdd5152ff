"""A Vensim file's text to PySD's abstract model, entry by entry, so that whatever fails has a line."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import Any

from cluster_sd.errors import ModelError, UnsupportedError
from cluster_sd.model.mdl import Entry, Macro, scan
from cluster_sd.model.names import clean
from cluster_sd.model.parsed import CONTROL, Parsed, VariableText, excerpt, need_control
from cluster_sd.model.repair import continue_lines, drop_comments, repair_vensim, split_mappings
from cluster_sd.model.translators import literal, translator

__all__ = ["read_vensim"]

_LIMITS = re.compile(r"^(?P<units>.*?)\s*\[(?P<limits>[^\[\]]*)\]$", re.DOTALL)
_SIDES = re.compile(r'"(?:\\"|[^"])*"|\[[^\]]*\]|:=|==|=|\(')
_PLAIN = re.compile(r"(?P<name>[^\W\d][\w\s'$]*?)\s*(?:\[(?P<subscripts>[\w\s',]*)\])?\s*=(?!=)\s*(?P<right>.+)$")
_CONSTANT = re.compile(r"[-+]?\s*(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_UNSUPPORTED = re.compile(r"\b(vector[\s_]+lookup)\s*\(", re.IGNORECASE)
_UNFINISHED = re.compile(r"\ba[\s_]+function[\s_]+of\s*\(", re.IGNORECASE)


def read_vensim(text: str, path: Path) -> Parsed:
    """Parse the text of a ``.mdl`` file.

    Raises
    ------
    ModelError
        With the line of the entry that can't be read, or if the file is cut off.
    """
    mdl = scan(text)
    if mdl.open_line is not None:
        raise ModelError("the entry that starts here has no closing '|': the file is cut off", path, mdl.open_line)
    sections = [_Section(None, path), *(_Section(macro, path) for macro in mdl.macros)]
    by_line = {section.line: section for section in sections}
    for entry in mdl.entries:
        by_line[entry.macro.line if entry.macro else 0].hold.append(entry)
    for section in sections:
        section.parse()
    need_control(sections[0].variables, path)
    return Parsed(
        abstract=translator("structures.abstract_model").AbstractModel(path, tuple(s.abstract() for s in sections)),
        variables=sections[0].variables,
        macros={clean(s.macro.name): s.variables for s in sections if s.macro},
        method=mdl.method,
        mappings=sections[0].mappings,
    )


class _Section:
    """The model itself, or one macro."""

    def __init__(self, macro: Macro | None, path: Path) -> None:
        self.macro, self.path = macro, path
        self.line = macro.line if macro else 0
        self.hold: list[Entry] = []
        self.variables: dict[str, VariableText] = {}
        self.mappings: dict[tuple[str, str], tuple[str, ...]] = {}
        self._ranges: list[Any] = []
        self._elements: dict[str, Any] = {}

    def parse(self) -> None:
        local = None
        if self.macro:
            own = {clean(_left(entry.equation)) for entry in self.hold}
            local = own | set(map(clean, (*self.macro.params, *self.macro.returns)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for entry in self.hold:
                self._take(entry, self._component(entry, local))
        self._map()

    def _component(self, entry: Entry, local: set[str] | None) -> Any:
        """PySD's component of one entry; every way in which that can fail becomes a `ModelError` with a line."""
        text = continue_lines(drop_comments(entry.equation))
        _refuse(text, self.path, entry.line)
        element = translator("vensim.vensim_element")
        try:
            repaired, mapped = split_mappings(repair_vensim(entry.equation, local))
            component = _quick(repaired) or element.Element(repaired, "", "").parse()
            if getattr(component, "ast", None) is None and hasattr(component, "expression"):
                component.parse()
        except Exception as error:
            raise ModelError(excerpt("equation", text, error), self.path, entry.line) from None
        for target, elements in mapped.items():
            self.mappings[clean(component.name), clean(target)] = tuple(map(clean, elements))
        return component

    def _map(self) -> None:
        """Leave a mapping in a range only if elements correspond by their place."""
        elements = {clean(r.name): r.subscripts for r in self._ranges}
        for item in self._ranges:
            for target in list(item.mapping):
                listed = self.mappings.get((clean(item.name), clean(target)))
                if listed is not None and listed != tuple(map(clean, elements.get(clean(target), ()))):
                    item.mapping.remove(target)

    def _take(self, entry: Entry, component: Any) -> None:
        if hasattr(component, "get_abstract_subscript_range"):
            self._ranges.append(component.get_abstract_subscript_range())
            return
        if not isinstance(component, translator("vensim.vensim_element").Component):
            return  # reality checks and test inputs are not part of a run
        key = clean(component.name)
        units, limits = _units(entry.units)
        text = VariableText(
            name=component.name,
            units=units,
            documentation=_prose(entry.documentation),
            limits=limits,
            equation=_right(entry.equation),
            line=entry.line,
            group=entry.group,
            subscripts=_subscripts(entry.equation),
        )
        before = self.variables.get(key)
        if before and not (before.subscripts and text.subscripts):
            message = f"{component.name} is defined a second time; the first is in line {before.line}"
            raise ModelError(message, self.path, entry.line)
        self.variables[key] = before.joined(text) if before else text
        self._element(key, self.variables[key]).components.append(component.get_abstract_component())

    def _element(self, key: str, text: VariableText) -> Any:
        model = translator("structures.abstract_model")
        if key not in self._elements:
            kind = model.AbstractControlElement if key in CONTROL else model.AbstractElement
            self._elements[key] = kind(name=text.name, components=[])
        element = self._elements[key]
        element.units, element.limits, element.documentation = text.units, text.limits, text.documentation
        return element

    def abstract(self) -> Any:
        """PySD's section."""
        macro = self.macro
        return translator("structures.abstract_model").AbstractSection(
            name=clean(macro.name) if macro else "__main__",
            path=self.path,
            type="macro" if macro else "main",
            params=list(macro.params) if macro else [],
            returns=list(macro.returns) if macro else [],
            subscripts=tuple(self._ranges),
            elements=tuple(self._elements.values()),
            constraints=(),
            test_inputs=(),
            split=False,
            views_dict=None,
        )


def _quick(text: str) -> Any:
    """PySD's component of a plain left side, and of a plain number, without its grammar; ``None`` for anything else.

    Half of a model's entries are constants, and PySD's grammar takes most of the time in which a model is read.
    """
    found = _PLAIN.match(text)
    if not found:
        return None
    subscripts = [s.strip() for s in found["subscripts"].split(",")] if found["subscripts"] else []
    component = translator("vensim.vensim_element").Component(found["name"], (subscripts, []), found["right"])
    if _CONSTANT.fullmatch(found["right"]):
        component.ast = literal(found["right"])
    return component


def _refuse(text: str, path: Path, line: int) -> None:
    found = _UNSUPPORTED.search(text)
    if found:
        name = " ".join(found.group(1).upper().replace("_", " ").split())
        raise UnsupportedError(f"{name} is not supported", path, line)
    if _UNFINISHED.search(text):
        raise ModelError(f"{_left(text)} has no equation yet (A FUNCTION OF): write one", path, line)
    defines = any(found.group()[0] not in '"[' for found in _SIDES.finditer(text))
    if not defines and ":" not in text and "<->" not in text:
        what = f"'{text[:60]}' has no equation; data from a .vdf file can't be read" if text else "an entry is empty"
        raise ModelError(what, path, line)


def _split(equation: str) -> tuple[str, str]:
    """Left and right side of an entry's text; a table's right side starts with its parenthesis."""
    text = continue_lines(equation)
    for found in _SIDES.finditer(text):
        if found.group() in (":=", "==", "="):
            return text[: found.start()].strip(), text[found.end() :].strip()
        if found.group() == "(":
            return text[: found.start()].strip(), text[found.start() :]
    return text, ""


def _right(equation: str) -> str:
    return _split(equation)[1]


def _left(equation: str) -> str:
    """The defined name, without subscripts and keywords."""
    left = drop_comments(_split(equation)[0])
    return re.split(r"[\[:]", left)[0].strip() if '"' not in left else left.split("[")[0].strip()


def _subscripts(equation: str) -> str:
    found = re.search(r"\[[^\]]*\]", _split(equation)[0])
    return found.group() if found else ""


def _units(text: str) -> tuple[str, tuple[float | None, float | None]]:
    """``kg [0,?]`` as unit and limits; ``?``, infinite and NaN limits are none."""
    text = _prose(text)
    found = _LIMITS.match(text)
    if not found:
        return text, (None, None)
    try:
        ends = [None if part.strip() in ("?", "") else float(part) for part in found["limits"].split(",")][:2]
    except ValueError:
        return text, (None, None)
    low, high = [*(end if end is not None and math.isfinite(end) else None for end in ends), None, None][:2]
    return found["units"].strip(), (low, high)


def _prose(text: str) -> str:
    return " ".join(re.sub(r"\\[ \t]*\n", " ", text).split())
