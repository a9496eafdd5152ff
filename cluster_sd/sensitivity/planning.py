"""What an analysis will run, before it runs: bad input is found here, and what was decided for the user is noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.model.names import clean, split_element
from cluster_sd.model.parameters import Parameter, read_parameters
from cluster_sd.sensitivity.draws import Draws, drawn, find_posterior, read_draws, with_draws
from cluster_sd.sensitivity.experiment import Switch, factorial
from cluster_sd.sensitivity.job import Engine, make_job
from cluster_sd.sensitivity.measures_of import Asked, resolve
from cluster_sd.sensitivity.method import Method, find_method
from cluster_sd.sensitivity.paired import Paired
from cluster_sd.sensitivity.problem import VARIED, Problem, problem_of
from cluster_sd.sensitivity.sampling import Sample
from cluster_sd.sensitivity.steps import Action, actions_of, stepped
from cluster_sd.sensitivity.stochastic import NOISE, is_stochastic, runnable, with_noise
from cluster_sd.simulate.running import Settings, prepare

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Asking", "Planned", "plan"]

#: A step of each lever is looked at over so many parameter sets: a sixteenth of the samples, between these.
FEWEST_SETS, MOST_SETS = 64, 256
#: Variables that measure public spending, where nobody says another: what is asked for (a step of one lever may be paid
#: by what another then lacks), else what is spent.
SPENDING = ("Cumulative public requests", "Cumulative public spending")
#: Points at which two streams of random numbers are compared, to see whether chance plays a part.
PROBES = 8


@dataclass(frozen=True)
class Asking:
    """What is asked of an analysis.

    Attributes
    ----------
    method : str
    n : int
        What ``--samples`` counts.
    measures : sequence of str, optional
        Default: see :func:`cluster_sd.sensitivity.measures_of.resolve`.
    parameters : path or sequence of Parameter, optional
        In place of ``parameters.csv`` of the model's folder.
    roles : sequence of str
    only : sequence of str, optional
        Names of parameters, whatever their role.
    grouping : str
    over : str, optional
        Where draws of a posterior are, see :func:`cluster_sd.sensitivity.draws.find_posterior`.
    options : mapping
        The method's own settings, as ``second_order`` or ``correlation``.
    switches : sequence of Switch
        Mechanisms for a 2^k experiment; none: no experiment.
    step_sets : int, optional
        Parameter sets over which steps of the levers are looked at; 0: they are not.
    spending : str, optional
        Measure of public spending; default: ``final(…)`` of the first of `SPENDING` that the model has.
    jumps : {"refuse", "omit"}
        What derivatives (dgsm) do about parameters that move a jump.
    """

    method: str
    n: int
    measures: Sequence[str] | None = None
    parameters: str | Path | Sequence[Parameter] | None = None
    roles: Sequence[str] = VARIED
    only: Sequence[str] | None = None
    grouping: str = "auto"
    over: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    switches: Sequence[Switch] = ()
    step_sets: int | None = None
    spending: str | None = None
    jumps: str = "refuse"


@dataclass(frozen=True, eq=False)
class Planned:
    """An analysis before its runs.

    Attributes
    ----------
    model : Model
    asking : Asking
    settings : Settings
        Of the runs.
    method : Method
    asked : tuple of Asked
    sample : Sample
        What the method analyses.
    ran : Sample
        What is run of it: the same rows, with the parameters of a posterior's draw in place of its number, and without
        the factor that stands for chance.
    streams : array of int, shape (runs,), or None
        Numbers of the runs' random streams; None: the same for all.
    numbers : tuple of Asked
        Measures of the steps and the experiment: those that are numbers, the end of a series in its place.
    spending : int or None
        Which of these is public spending.
    actions : tuple of Action
        Steps of levers.
    stepped : Paired or None
        Their design.
    factorial : Paired or None
        The design of the experiment.
    """

    model: Model
    asking: Asking
    settings: Settings
    method: Method
    asked: tuple[Asked, ...]
    sample: Sample
    ran: Sample
    streams: NDArray[np.int64] | None
    numbers: tuple[Asked, ...]
    spending: int | None
    actions: tuple[Action, ...] = ()
    stepped: Paired | None = None
    factorial: Paired | None = None

    @property
    def runs(self) -> int:
        """Of all designs."""
        return self.sample.runs + sum(d.runs for d in (self.stepped, self.factorial) if d is not None)


def plan(model: Model, asking: Asking, settings: Settings) -> Planned:
    """Everything but the runs: bad input is found here.

    Raises
    ------
    InputError
        For whatever can't be used: what, where, and what would be right.
    """
    method = find_method(asking.method)
    rows, notes = _rows(model, asking, settings.scenario)
    times = prepare(model._planner, settings, (), (), 1).experiment.grid.times
    asked = resolve(model, times, asking.measures)
    if method.slopes and not asking.measures:  # derivatives of every year would take long, and few ask for them
        asked = tuple(one for one in asked if not one.measure.is_series)
    numbers, spending = _numbers(model, asked, asking.spending)
    problem = problem_of(model, rows, roles=asking.roles, only=asking.only, grouping=asking.grouping)
    problem = replace(problem, notes=(*notes, *problem.notes))
    draws = _draws(model, asking)
    if draws is not None:
        problem = with_draws(problem, draws)
    noisy = draws is None and _chance_matters(model, problem, asked, settings)
    if noisy:
        note = f"the model draws random numbers: '{NOISE}' stands for them, as a factor beside the parameters"
        problem = replace(with_noise(problem), notes=(*problem.notes, note))
    sample = method.sample(problem, asking.n, seed=settings.seed, **asking.options)
    ran, streams = runnable(sample) if noisy else (sample, None)
    planned = Planned(model, asking, settings, method, asked, sample, drawn(ran, draws), streams, numbers, spending)
    return _with_experiment(_with_steps(planned, rows))


def _chance_matters(model: Model, problem: Problem, asked: Sequence[Asked], settings: Settings) -> bool:
    """Whether runs of the same parameters differ by their random numbers, at some points of the ranges."""
    if not is_stochastic(model.program):
        return False
    job, _ = make_job(model, problem.columns, asked, settings, 2 * PROBES)
    rows = problem.physical(np.random.default_rng(0).random((PROBES, len(problem.factors))))
    engine = Engine(job)
    one, other = (engine.run(rows, np.arange(PROBES) + first).values for first in (0, PROBES))
    return not np.array_equal(one, other, equal_nan=True)


def _rows(model: Model, asking: Asking, scenario: str | None) -> tuple[list[Parameter], tuple[str, ...]]:
    """Rows of the table of parameters, without those whose value the scenario sets from the same time on."""
    given = asking.parameters
    names = [v.name for v in model.metadata.variables]
    if given is None:
        rows = list(model.folder.parameters)
    else:
        rows = list(read_parameters(Path(given), names) if isinstance(given, str | Path) else given)
    if scenario is None:
        return rows, ()
    changes = model.folder.changes(scenario)
    told = {(clean(c.name), c.time) for c in changes} | {(clean(split_element(c.name)[0]), c.time) for c in changes}
    left = [row for row in rows if (clean(row.name), row.since) in told]
    gone = [row.name for row in left if row.has_range and row.role in asking.roles]
    if not gone:
        return rows, ()
    note = f"{len(gone)} parameters keep the value that the scenario '{scenario}' gives them: {', '.join(gone[:6])}"
    return [row for row in rows if row not in left], (note + (" …" if len(gone) > 6 else ""),)


def _draws(model: Model, asking: Asking) -> Draws | None:
    if asking.over is None:
        return None
    if find_method(asking.method).slopes:
        raise InputError(
            f"--over posterior draws parameters together, and --method {asking.method} derives in each; it works with "
            "the other methods"
        )
    return read_draws(model, find_posterior(model, asking.over))


def _with_steps(planned: Planned, rows: Sequence[Parameter]) -> Planned:
    """The design of the levers' steps, where there are levers that have one and something else that is uncertain."""
    asking = planned.asking
    sets = asking.step_sets
    if sets is None:
        sets = min(max(planned.sample.n // 16, FEWEST_SETS), MOST_SETS)
    levers = [f for f in planned.sample.problem.factors if f.role == "lever" and f.step is not None]
    uncertain = [row for row in rows if row.role == "uncertain" and row.has_range]
    if sets == 0 or not levers or not uncertain:
        return planned
    scenario = planned.settings.scenario
    actions = actions_of(planned.model, levers, scenario=scenario)
    others = problem_of(planned.model, uncertain, roles=("uncertain",), grouping="none")
    design = stepped(planned.model, others, actions, sets, seed=planned.settings.seed, scenario=scenario)
    if asking.over is None:
        return replace(planned, actions=actions, stepped=design)
    note = "steps of the levers are looked at over the ranges of the uncertain parameters, not over the posterior"
    told = replace(planned.sample, notes=(*planned.sample.notes, note))
    return replace(planned, sample=told, actions=actions, stepped=design)


def _with_experiment(planned: Planned) -> Planned:
    switches = planned.asking.switches
    if not switches:
        return planned
    switched = {clean(name.partition("@")[0]) for s in switches for name in (*s.off, *s.on)}
    rows = [
        row
        for row in _rows(planned.model, planned.asking, planned.settings.scenario)[0]
        if row.role == "uncertain" and row.has_range and clean(row.name) not in switched
    ]
    problem = problem_of(planned.model, rows, roles=("uncertain",), grouping="none")
    sets = min(max(planned.sample.n // 16, FEWEST_SETS), MOST_SETS)
    design = factorial(
        planned.model, problem, switches, sets, seed=planned.settings.seed, scenario=planned.settings.scenario
    )
    return replace(planned, factorial=design)


def _numbers(model: Model, asked: Sequence[Asked], spending: str | None) -> tuple[tuple[Asked, ...], int | None]:
    """Measures that are numbers, and the place of spending among them."""
    end = np.array([np.nan])
    numbers = [one for one in asked if not one.measure.is_series]
    numbers = numbers or list(resolve(model, end, [f"final({one.text})" for one in asked]))
    if spending is None:
        spending = next((f"final({name})" for name in SPENDING if model.metadata.find(name) is not None), None)
    if spending is None:
        return tuple(numbers), None
    (spent,) = resolve(model, end, [spending])
    if spent.measure.is_series:
        raise InputError(f"--spending {spending}: is a series; a number is needed, as final({spending})")
    texts = [one.text for one in numbers]
    if spent.text not in texts:
        return (*numbers, spent), len(numbers)
    return tuple(numbers), texts.index(spent.text)
