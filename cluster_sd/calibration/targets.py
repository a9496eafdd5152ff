"""Which statistics count, and as what: measures by the names of statistics, the place of the study, rows left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster_sd.calibration.mapping import Mapped, read_mapping
from cluster_sd.calibration.statistics import Broken, Statistic, Statistics, Unused
from cluster_sd.calibration.template import mapped_questions
from cluster_sd.errors import InputError, unknown
from cluster_sd.measures import Measure, parse
from cluster_sd.model.names import clean
from cluster_sd.simulate.measuring import measured

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Target", "Targets", "choose_rows", "mapping_of"]


def mapping_of(model: Model, path: Path | str | None = None) -> tuple[Mapped, ...]:
    """The ``observations.csv`` that is named, or that of the model's folder, or nothing."""
    file = model.path.parent / "observations.csv" if path is None else Path(path)
    if path is None and not file.is_file():
        return ()
    return read_mapping(file)


# ---- what a statistic is compared with ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What statistics of one name are compared with."""

    mapped: Mapped
    measure: Measure
    output: str
    unit: str
    low: float | None
    constant: bool = False


class Targets:
    """Targets by the names of statistics; each is looked up once."""

    def __init__(self, model: Model, table: Sequence[Mapped]) -> None:
        self.model = model
        self.table = {clean(row.statistic): row for row in (*mapped_questions(model), *table)}
        self.chinese = {clean(zh): name for name, zh in model.folder.names_zh.items()}
        self.outputs = {clean(name): name for name in model.program.outputs}
        self.found: dict[str, Target | None] = {}

    def __getitem__(self, statistic: str) -> Target | None:
        key = clean(statistic)
        if key not in self.found:
            row = self.table.get(key) or self._by_name(key)
            self.found[key] = None if row is None else self._target(row)
        return self.found[key]

    def _by_name(self, key: str) -> Mapped | None:
        name = self.outputs.get(key) or self.outputs.get(self.chinese.get(key, ""))
        return None if name is None else Mapped(name, name)

    def _target(self, row: Mapped) -> Target:
        measure, output = self._measured(row)
        variable = self.model.metadata.find(output)
        clock = self.model.metadata.find("INITIAL TIME") or self.model.metadata.find("TIME STEP")
        timed = measure.kind in ("time_of_max", "time_above")
        unit = (clock.unit if clock else "") if timed else (variable.unit if variable else "")
        low, kind = (None, "") if variable is None else (variable.low, variable.kind)
        return Target(row, measure, output, unit or row.unit, low, kind == "constant" and not timed)

    def _measured(self, row: Mapped) -> tuple[Measure, str]:
        """The measure, and the variable that it is of."""
        try:
            measure = parse(row.measure, lambda name: clean(name) in self.outputs)
            if clean(measure.variable) in self.outputs:
                return measure, self.outputs[clean(measure.variable)]
            return measured([row.measure], self.model.program, self.model.metadata)[0]  # slower; it says what is wrong
        except InputError as error:
            raise InputError(f"{row.where}: {error}" if row.where else str(error)) from None


# ---- which rows count -----------------------------------------------------------------------------------------------


def choose_rows(
    statistics: Statistics, targets: Targets, place: str | None
) -> tuple[list[tuple[Statistic, Target]], list[Unused], str]:
    """Rows of the place that have a target; all others with the reason; the place.

    Raises
    ------
    InputError
        For a row that would be used and can't be read, a place that is none or not the only one, and no row left.
    """
    unused = list(statistics.unused)
    with_target: list[tuple[Statistic | Broken, Target]] = []
    for row in (*statistics.rows, *statistics.broken):
        target = targets[row.variable]
        if target is None:
            unused.append(
                _unused(row, f"no measure: '{row.variable}' is no variable of the model and not in observations.csv")
            )
        else:
            with_target.append((row, target))
    where = _place(with_target, statistics, place)
    chosen = []
    for row, target in with_target:
        places = target.mapped.places or (where,)
        if row.place and clean(row.place) not in map(clean, places):
            unused.append(_unused(row, f"of another place: {' and '.join(places)} is asked"))
        elif isinstance(row, Broken):
            raise InputError(row.message)
        else:
            chosen.append((row, target))
    if not chosen:
        raise _nothing(statistics, unused, targets)
    unused.sort(key=lambda row: (str(row.file), row.sheet, row.row))
    return chosen, unused, where


def _place(rows: Sequence[tuple[Statistic | Broken, Target]], statistics: Statistics, place: str | None) -> str:
    """The place of the study: the one named, or the one with most rows that have a measure."""
    if place is not None:
        known = {clean(name): name for name in statistics.places if name}
        if known and clean(place) not in known:
            raise unknown("place", place, known.values(), str(statistics.rows[0].file))
        return known.get(clean(place), place)
    counts = Counter(row.place for row, target in rows if row.place and not target.mapped.places)
    best = counts.most_common(2)
    if len(best) == 2 and best[0][1] == best[1][1]:
        names = " and ".join(f"'{name}'" for name, count in counts.items() if count == best[0][1])
        raise InputError(f"the statistics are of {names} alike; name the place with --place")
    return best[0][0] if best else ""


def _unused(row: Statistic | Broken, reason: str) -> Unused:
    time = row.time if isinstance(row, Broken) else f"{row.time:.10g}"
    return Unused(row.file, row.sheet, row.row, row.place, row.variable, time, reason)


def _nothing(statistics: Statistics, unused: Sequence[Unused], targets: Targets) -> InputError:
    """Why no row can be used."""
    files = ", ".join(name for name, _ in statistics.files) or "the statistics"
    names = list(dict.fromkeys(row.variable for row in unused if row.reason.startswith("no measure")))
    if not names:
        reasons = "; ".join(dict.fromkeys(row.reason for row in unused))
        return InputError(f"{files}: no row can be used ({reasons or 'there is none'})")
    choices = [*(row.statistic for row in targets.table.values()), *targets.outputs.values()]
    close = unknown("statistic", names[0], choices).close
    tail = (
        f"; did you mean '{close[0]}'?"
        if close
        else "; give --observations, or name statistics as the model's variables"
    )
    return InputError(f"{files}: no row can be used: nothing in the model answers to '{names[0]}'{tail}")
