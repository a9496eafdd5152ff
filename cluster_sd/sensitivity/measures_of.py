"""What an analysis looks at: measures become columns of outputs, a series one for each of its times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cluster_sd.measures import Measure, parse
from cluster_sd.model.names import clean
from cluster_sd.sensitivity.result import Outcome
from cluster_sd.simulate.measuring import measured

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Asked", "default_measures", "outcomes_of", "resolve"]

#: The course of an outcome over time is looked at in no more places than this, where nobody asked for all saved times.
MOST_TIMES = 101


@dataclass(frozen=True, slots=True)
class Asked:
    """A measure with what a reader needs to know of it.

    Attributes
    ----------
    text : str
        As asked; tables carry this.
    measure : Measure
    variable : str
        The model's variable, in its own spelling.
    times : array, shape (time,)
        Of a series; empty for a number.
    unit, better, title, description : str
        From the model and its outcomes; `better` is ``high``, ``low`` or empty.
    """

    text: str
    measure: Measure
    variable: str
    times: NDArray[np.float64]
    unit: str = ""
    better: str = ""
    title: str = ""
    description: str = ""

    @property
    def width(self) -> int:
        """Columns of outputs that it takes."""
        return max(len(self.times), 1) if self.measure.is_series else 1


def default_measures(model: Model) -> tuple[list[str], list[str]]:
    """Outcomes of the model's folder, and the variables behind them, whose course over time is looked at too.

    A model whose folder names no outcomes gives the final values and the courses of its stocks.
    """
    numbers = list(dict.fromkeys(row.measure for row in model.folder.outcomes))
    if not numbers:
        stocks = [s.name for s in model.program.states if s.name in model.program.outputs]
        return [f"final({name})" for name in dict.fromkeys(stocks)], list(dict.fromkeys(stocks))
    found = [name for _, name in measured(numbers, model.program, model.metadata)]
    return numbers, list(dict.fromkeys(found))


def resolve(model: Model, times: NDArray[np.float64], measures: Sequence[str] | None = None) -> tuple[Asked, ...]:
    """The measures of an analysis.

    Parameters
    ----------
    model : Model
    times : array, shape (time,)
        Saved times of a run.
    measures : sequence of str, optional
        A variable's name asks for all saved times. Default: :func:`default_measures`, the courses at whole units of
        time, and in at most `MOST_TIMES` places.

    Raises
    ------
    InputError
        For a measure that can't be read, or of a variable that there isn't.
    """
    if measures:
        texts = list(dict.fromkeys(text.strip() for text in measures))
        return tuple(_asked(model, text, times) for text in texts)
    numbers, courses = default_measures(model)
    some = thinned(times)
    return (*(_asked(model, text, times) for text in numbers), *(_asked(model, text, some) for text in courses))


def thinned(times: NDArray[np.float64], most: int = MOST_TIMES) -> NDArray[np.float64]:
    """Times at whole units, evenly spread, the last included; all of them where they are few and none is whole."""
    whole = times[np.abs(times - np.round(times)) < 1e-9]
    pool = whole if len(whole) > 1 else times
    stride = -(-len(pool) // most)
    return pool[::-1][::stride][::-1]


def _asked(model: Model, text: str, times: NDArray[np.float64]) -> Asked:
    ((measure, variable),) = measured([text], model.program, model.metadata)
    about = model.metadata.find(variable)
    outcome = next((row for row in model.folder.outcomes if _alike(row.measure, text)), None)
    clock = measure.kind in ("time_of_max", "time_above")
    unit = next((v.unit for name in ("time", "time_step") if (v := model.metadata.by_name.get(name)) and v.unit), "")
    return Asked(
        text=text,
        measure=measure,
        variable=variable,
        times=times if measure.is_series else np.empty(0),
        unit=unit if clock else (about.unit if about is not None else ""),
        better=outcome.better if outcome is not None else "",
        title=outcome.name if outcome is not None else text,
        description=outcome.description if outcome is not None else (about.documentation if about is not None else ""),
    )


def _alike(one: str, other: str) -> bool:
    a, b = parse(one), parse(other)
    return (a.kind, clean(a.variable), a.argument) == (b.kind, clean(b.variable), b.argument)


def outcomes_of(asked: Sequence[Asked]) -> tuple[Outcome, ...]:
    """The columns of the outputs of these measures."""
    return tuple(
        Outcome(one.text, time) for one in asked for time in (one.times.tolist() if one.measure.is_series else [None])
    )
