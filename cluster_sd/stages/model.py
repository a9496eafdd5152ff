"""Stage ``model``: what the model is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd.model.folder import purpose
from cluster_sd.model.names import clean, split_element
from cluster_sd.model.rows import read_rows
from cluster_sd.stages.found import Found, columns_of
from cluster_sd.stages.kinds import scenario_kinds

if TYPE_CHECKING:
    from cluster_sd.simulate.metadata import Variable
    from cluster_sd.stages.case import Case

__all__ = ["made_of"]

#: Columns of the table of parameters: those of ``parameters.csv``.
PARAMETERS = (
    "name", "value", "unit", "low", "high", "distribution", "role", "group", "from", "step", "evidence", "confidence",
    "note",
)  # fmt: skip
#: What stands in brackets at the end of a documentation: where the equation comes from.
_EVIDENCE = re.compile(r"(?:\s*\[[^\[\]]*\])+\s*\.?\s*$")
#: Languages of which there can be a ``names_LANGUAGE.csv``.
LANGUAGES = ("zh", "en")


def made_of(case: Case) -> Found:
    """Variables, parameters, outcomes and scenarios of a model."""
    model = case.model
    variables = model.metadata.variables
    kinds = [v.kind for v in variables]
    roles = [p.role for p in model.folder.parameters]
    sectors = list(dict.fromkeys(v.group for v in variables if v.group))
    count = {
        "levers": roles.count("lever"),
        "uncertain": roles.count("uncertain"),
        "sectors": len(sectors),
        "outcomes": len(model.folder.outcomes),
        "scenarios": len(model.folder.scenarios),
    }
    control, kinds_of = model.control, scenario_kinds(case)
    facts: dict[str, Any] = {
        "name": model.name,
        "title": model.path.stem,
        "purpose": purpose(case.folder / "README.md"),
        "file": model.path.name,
        "hash": model.hash,
        "files": dict(model.files),
        "start": control.start,
        "stop": control.stop,
        "time_step": control.dt,
        "save_every": control.save_step or control.dt,
        "solver": control.method,
        "time_unit": next((v.unit for v in variables if clean(v.name) in ("time_step", "final_time") and v.unit), ""),
        "stocks": kinds.count("stock"),
        "flows": kinds.count("flow"),
        "auxiliaries": kinds.count("auxiliary"),
        "constants": kinds.count("constant"),
        "variables": len(variables),
        "equations": sum(bool(v.equation) for v in variables),
        "levers": count["levers"],
        "uncertain": count["uncertain"],
        "sectors": sectors,
    }
    tables = {
        "variables": _variables(case),
        "parameters": columns_of(PARAMETERS, _parameters(case)),
        "outcomes": _outcomes(case),
        "scenarios": columns_of(
            ("name", "description", "kind"), ((s.name, s.description, kinds_of[s.name]) for s in model.folder.scenarios)
        ),
        "counts": columns_of(("what", "n"), [*_kinds(kinds), *count.items()]),
        "names": _names(case.folder),
        "groups": _texts(case.folder / "groups.csv", ("group", "name", "zh")),
    }
    return Found(tables, facts)


def _kinds(kinds: list[str]) -> Iterator[tuple[str, int]]:
    return ((kind, kinds.count(kind)) for kind in dict.fromkeys(kinds))


def _variables(case: Case) -> dict[str, list[Any]]:
    known = {clean(split_element(p.name)[0]): p.evidence for p in case.model.folder.parameters if p.evidence}
    columns = ("name", "kind", "unit", "documentation", "equation", "sector", "evidence", "subscripts")
    return columns_of(columns, (_variable(v, known.get(clean(v.name), "")) for v in case.model.metadata.variables))


def _variable(variable: Variable, evidence: str) -> tuple[str, ...]:
    """A row; what stands in brackets at the end of the documentation is its evidence."""
    text = variable.documentation
    said = _EVIDENCE.search(text)
    told = [part.strip() for part in re.findall(r"\[([^\[\]]*)\]", said.group())] if said else []
    named = evidence.split("; ") if evidence else []
    return (
        variable.name,
        variable.kind,
        variable.unit,
        text[: said.start()].rstrip() if said else text,
        variable.equation,
        variable.group,
        "; ".join(dict.fromkeys(part for part in (*told, *named) if part)),
        ", ".join(variable.subscripts),
    )


def _parameters(case: Case) -> Iterator[tuple[Any, ...]]:
    values = {clean(p.name): p.value for p in case.model.program.parameters}
    for row in case.model.folder.parameters:
        value = row.value if row.value is not None else values.get(clean(row.name))
        about = case.model.metadata.find(row.name)
        yield (
            row.name, _number(value), row.unit or (about.unit if about else ""), _number(row.low), _number(row.high),
            row.distribution if row.has_range else "", row.role, row.group, _number(row.since), _number(row.step),
            row.evidence, row.confidence, row.note,
        )  # fmt: skip


def _outcomes(case: Case) -> dict[str, list[Any]]:
    from cluster_sd.simulate.measuring import measured

    outcomes = case.model.folder.outcomes
    measures = [outcome.measure for outcome in outcomes]
    found = measured(measures, case.model.program, case.model.metadata) if measures else ()
    names = [name for _, name in found]
    rows = ((o.name, o.measure, name, o.unit, o.better, o.description) for o, name in zip(outcomes, names, strict=True))
    return columns_of(("name", "measure", "variable", "unit", "better", "description"), rows)


def _names(folder: Path) -> dict[str, list[Any]]:
    """Names as pages show them, in each language; empty where a language has none."""
    known: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        table = _texts(folder / f"names_{language}.csv", ("name", language))
        for name, told in zip(table["name"], table[language], strict=True):
            known.setdefault(name, {})[language] = told
    rows = ((name, *(told.get(language, "") for language in LANGUAGES)) for name, told in known.items())
    return columns_of(("name", *LANGUAGES), rows)


def _texts(path: Path, columns: tuple[str, ...]) -> dict[str, list[Any]]:
    """A table of names beside the model; empty where there is none."""
    rows = read_rows(path, columns, columns) if path.is_file() else ()
    return columns_of(columns, ([row.text(column) for column in columns] for row in rows))


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
