"""Parameters against their evidence: range, source and confidence, and the value that the model really has."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cluster_sd.model.names import clean, split_element
from cluster_sd.model.parameters import Parameter
from cluster_sd.model.text import read_text
from cluster_sd.validation.dimensions import units_of
from cluster_sd.validation.result import FAIL, FINDING, PASS, SKIPPED, Row
from cluster_sd.validation.units import Unit, Units, UnitTextError, declared_equivalents

if TYPE_CHECKING:
    from cluster_sd.validation.case import Case

__all__ = ["NAME", "check_parameters"]

NAME = "parameters"
#: What a range must rest on.
_RANGED = ("lever", "uncertain")
_CITED = re.compile(r"(\w+\.csv)[ :]+([a-z0-9_]+(?:\s*,\s*[a-z0-9_]+)*)")


def check_parameters(case: Case) -> Iterator[Row]:
    """Rows for what is wrong with a parameter, then one each for the model's values, ranges, units and data cited."""
    every = tuple(case.parameters)
    if not every:
        yield Row(NAME, "model", SKIPPED, detail="no parameters.csv beside the model")
        return
    ranged = [p for p in every if p.role in _RANGED]
    yield from _told("values", "values that are not the model file's", every, _other_value(case, every))
    yield from _told("ranges", "without a range around the value",
                     ranged, _without_range(case, ranged))  # fmt: skip
    yield from _told("evidence", "without evidence", ranged,
                     [(p, "column 'evidence' is empty") for p in ranged if not p.evidence])  # fmt: skip
    yield from _told("units", "in another unit than the model's", every, _other_unit(case, every))
    yield from _data(case, every)
    confidence = Counter(p.confidence for p in ranged)
    told = ", ".join(f"{count} {word}" for word, count in confidence.most_common())
    yield Row(NAME, "confidence", FINDING, confidence["assumed"] / max(len(ranged), 1),
              detail=f"share that is assumed; {told}")  # fmt: skip


def _told(subject: str, what: str, every: Sequence[Parameter], wrong: Sequence[tuple[Parameter, str]]) -> Iterator[Row]:
    for parameter, reason in wrong:
        yield Row(NAME, parameter.name, FAIL, detail=f"{parameter.file.name}:{parameter.line}: {reason}")
    yield Row(NAME, subject, FAIL if wrong else PASS, len(wrong), 0, f"{what}, of {len(every)} parameters")


def _values(case: Case) -> Mapping[str, float]:
    """Values of the model file, by clean name."""
    return {clean(p.name): p.value for p in case.model.program.parameters}


def _other_value(case: Case, parameters: Sequence[Parameter]) -> list[tuple[Parameter, str]]:
    ours = _values(case)
    out = []
    for p in parameters:
        value = ours.get(clean(p.name))
        if p.value is not None and value is not None and not math.isclose(p.value, value, rel_tol=1e-9, abs_tol=1e-12):
            out.append((p, f"value {p.value:g}, in {case.place(split_element(p.name)[0])} {value:g}"))
    return out


def _without_range(case: Case, parameters: Sequence[Parameter]) -> list[tuple[Parameter, str]]:
    ours = _values(case)
    out = []
    for p in parameters:
        value = p.value if p.value is not None else ours.get(clean(p.name))
        if p.low is None or p.high is None:
            out.append((p, "no low and high"))
        elif value is not None and not p.low <= value <= p.high:
            out.append((p, f"value {value:g} lies outside {p.low:g} to {p.high:g}"))
    return out


def _other_unit(case: Case, parameters: Sequence[Parameter]) -> list[tuple[Parameter, str]]:
    declared, _ = units_of(case)
    reader = Units(*declared_equivalents(case.source.text, case.source.kind))
    out = []
    for p in parameters:
        theirs = declared.get(clean(split_element(p.name)[0]))
        unit = _read(reader, p.unit)
        if theirs is not None and unit is not None and unit != theirs:
            out.append((p, f"unit {p.unit}, in {case.place(split_element(p.name)[0])} {theirs}"))
    return out


def _read(reader: Units, text: str) -> Unit | None:
    try:
        return reader.read(text) if text else None
    except UnitTextError:
        return None


# ---- evidence that names a row of the data ---------------------------------------------------------------------------


@cache
def _variables(path: Path) -> frozenset[str]:
    """What a data file has rows of."""
    rows = csv.DictReader(read_text(path).splitlines())
    return frozenset((row.get("variable") or "").strip() for row in rows)


def _elsewhere(folder: Path, key: str) -> str:
    found = [path.name for path in sorted(folder.glob("*.csv")) if key in _variables(path)]
    return f"; data/{found[0]} has" if found else ""


def _data(case: Case, parameters: Sequence[Parameter]) -> Iterator[Row]:
    """Data that evidence cites (``studies.csv years_to_first_fruit``) is there."""
    folder = case.model.path.parent / "data"
    cited = 0
    wrong = []
    for p in parameters:
        for file, keys in _CITED.findall(p.evidence):
            for key in (one.strip() for one in keys.split(",")):
                cited += 1
                if not (folder / file).is_file():
                    wrong.append((p, f"evidence {file}: there is no such file in data/"))
                elif key not in _variables(folder / file):
                    where = _elsewhere(folder, key)
                    wrong.append((p, f"evidence {file} {key}: data/{file} has no such variable{where}"))
    if not cited:
        yield Row(NAME, "data cited", SKIPPED, detail="no evidence names a row of a data file")
        return
    for p, reason in wrong:
        yield Row(NAME, p.name, FAIL, detail=f"{p.file.name}:{p.line}: {reason}")
    yield Row(NAME, "data cited", FAIL if wrong else PASS, len(wrong), 0, f"citations without data, of {cited}")
