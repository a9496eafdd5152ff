"""What a model holds, as pandas tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cluster_sd.model.folder import ModelFolder
from cluster_sd.model.names import split_element
from cluster_sd.program.ir import Program
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.simulate.plan import key_of

#: Columns of ``parameters.csv``, and the fields that they are read into.
PARAMETER_COLUMNS = {
    "name": "name",
    "value": "value",
    "unit": "unit",
    "low": "low",
    "high": "high",
    "distribution": "distribution",
    "role": "role",
    "group": "group",
    "from": "since",
    "step": "step",
    "evidence": "evidence",
    "confidence": "confidence",
    "note": "note",
}
_NUMBERS = ("value", "low", "high", "from", "step")
_OUTCOME_COLUMNS = ("name", "measure", "unit", "better", "description")


def parameters(program: Program, metadata: Metadata, folder: ModelFolder) -> pd.DataFrame:
    """Every constant; what the folder says of an array holds for its elements, unless they have a row of their own."""
    known = {key_of(p.name): p for p in folder.parameters}
    rows = []
    for parameter in program.parameters:
        said = known.get(key_of(parameter.name)) or known.get(key_of(split_element(parameter.name)[0]))
        about = metadata.find(parameter.name)
        row: dict[str, Any] = {column: getattr(said, field, None) for column, field in PARAMETER_COLUMNS.items()}
        row |= {"name": parameter.name, "value": parameter.value}
        row["unit"] = row["unit"] or (about.unit if about else "")
        rows.append(row)
    return _frame(rows, tuple(PARAMETER_COLUMNS))


def variables(metadata: Metadata) -> pd.DataFrame:
    """Every variable: name, kind, unit, documentation, subscripts."""
    return _described(metadata, ("name", "kind", "unit", "documentation", "subscripts"))


def equations(metadata: Metadata) -> pd.DataFrame:
    """Every variable with its equation."""
    return _described(metadata, ("name", "kind", "unit", "documentation", "subscripts", "equation"))


def scenarios(folder: ModelFolder) -> pd.DataFrame:
    """Every scenario: name, description, what it is based on, and its changes as text."""
    rows = [
        {
            "name": one.name,
            "description": one.description,
            "based_on": one.based_on,
            "changes": "; ".join(_change(change) for change in folder.changes(one.name)),
        }
        for one in folder.scenarios
    ]
    return _frame(rows, ("name", "description", "based_on", "changes"))


def outcomes(folder: ModelFolder) -> pd.DataFrame:
    """Every outcome: name, measure, unit, better, description."""
    rows = [{column: getattr(one, column) for column in _OUTCOME_COLUMNS} for one in folder.outcomes]
    return _frame(rows, _OUTCOME_COLUMNS)


def _change(change: Any) -> str:
    when = "" if change.time is None else f"@{change.time:.10g}"
    return f"{change.name}{when} = {change.value:.10g}"


def _described(metadata: Metadata, columns: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for variable in metadata.variables:
        row = variable._asdict() | {"subscripts": ",".join(variable.subscripts)}
        rows.append({column: row[column] for column in columns})
    return _frame(rows, columns)


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """A table with numbers (NaN where there is none) in the columns of numbers and text (empty) in the others."""
    frame = pd.DataFrame(rows, columns=list(columns))
    for column in columns:
        if column in _NUMBERS:
            frame[column] = pd.Series(frame[column], dtype=float)
        else:
            frame[column] = frame[column].fillna("").astype(str)
    return frame
