"""Dimensional consistency: every equation against the units that the model declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cluster_sd.model.names import clean
from cluster_sd.validation.expressions import wording
from cluster_sd.validation.inference import Fault, Inference
from cluster_sd.validation.result import FAIL, FINDING, PASS, SKIPPED, Row
from cluster_sd.validation.units import DIMENSIONLESS, Unit, Units, UnitTextError, declared_equivalents

if TYPE_CHECKING:
    from cluster_sd.validation.case import Case

__all__ = ["NAME", "check_dimensions", "unit_of_time", "units_of"]

NAME = "dimensions"
_TIMES = ("time_step", "initial_time", "final_time", "saveper", "time")


def units_of(case: Case) -> tuple[dict[str, Unit | None], dict[str, str]]:
    """Units that the model declares, by clean name, and those that can't be read, with the reason."""
    source = case.source
    groups, derived = declared_equivalents(source.text, source.kind)
    reader = Units(groups, derived)
    found: dict[str, Unit | None] = {}
    wrong: dict[str, str] = {}
    for key, variable in source.variables.items():
        try:
            found[key] = reader.read(variable.units) if variable.units.strip() else None
        except UnitTextError as error:
            found[key], wrong[key] = None, str(error)
    return found, wrong


def unit_of_time(case: Case) -> Unit | None:
    """Unit of the model's time: that of TIME STEP, or of another time setting that has one."""
    declared, _ = units_of(case)
    return next((declared[key] for key in _TIMES if declared.get(key) is not None), None)


def check_dimensions(case: Case) -> Iterator[Row]:
    """A row for each thing that is wrong, then one for all equations."""
    declared, wrong = units_of(case)
    if not any(unit is not None for key, unit in declared.items() if key not in _TIMES):
        yield Row(NAME, "all equations", SKIPPED, detail="no variable declares a unit")
        return
    source = case.source
    main = next(section for section in source.abstract.sections if section.type != "macro")
    tables = frozenset(clean(v.name) for v in case.model.metadata.variables if v.kind == "table")
    time = unit_of_time(case)
    macros = frozenset(map(clean, source.macros))
    walk = Inference(declared, tables, time, macros)
    names = case.names
    for key, reason in wrong.items():
        yield Row(NAME, names.get(key, key), FAIL, detail=f"{source.place(key)}: {reason}")
    known = faulty = 0
    for element in main.elements:
        key = clean(element.name)
        unit = declared.get(key)
        known += unit is not None
        told = [row for part in element.components for row in _told(case, element, part, walk.equation(part.ast, unit))]
        faulty += bool(told)
        yield from dict.fromkeys(told)
    yield from _tables(walk, case, time)
    remark = [f"{known} of {len(main.elements)} variables declare a unit, the others fit everything"]
    if walk.unknown:
        remark.append(f"not looked into: {', '.join(sorted(n.replace('_', ' ').upper() for n in walk.unknown))}")
    if time is None:
        remark.append("the unit of time is not declared, so stocks are not held against their flows")
    result = FAIL if faulty or wrong else PASS
    yield Row(NAME, "all equations", result, faulty + len(wrong), 0, f"equations that don't fit; {'; '.join(remark)}")


def _told(case: Case, element: Any, part: Any, faults: list[Fault]) -> Iterator[Row]:
    inside = ",".join(part.subscripts[0]) if part.subscripts and part.subscripts[0] else ""
    subject = case.names.get(clean(element.name), element.name) + (f"[{inside}]" if inside else "")
    for fault in faults:
        text = wording(fault.node, case.names)
        detail = f"{case.place(element.name)}: {fault.one} and {fault.other} in {fault.where}: {text}"
        yield Row(NAME, subject, FAIL, detail=detail)


def _tables(walk: Inference, case: Case, time: Unit | None) -> Iterator[Row]:
    """Tables that are read in two units, and those that are read in a unit that a change of it would break."""
    seen: dict[str, dict[Unit, Any]] = {}
    for table, unit, node in walk.reads:
        seen.setdefault(table, {}).setdefault(unit, node)
    for table, uses in seen.items():
        name = case.names.get(table, table)
        texts = [f"{unit} ({wording(node, case.names)})" for unit, node in uses.items()]
        if len(uses) > 1:
            yield Row(NAME, name, FINDING, detail=f"{case.place(table)}: the table is read in {' and in '.join(texts)}")
        elif next(iter(uses)) not in (DIMENSIONLESS, time):
            detail = f"{case.place(table)}: the table is read in {texts[0]}; Vensim warns where it is not dimensionless"
            yield Row(NAME, name, FINDING, detail=detail)
