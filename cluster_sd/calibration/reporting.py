"""What a reader needs to make a calibration again, item by item, filled from the run.

The items follow the guidelines of Rahmandad and Sterman [1]_: three parts (the model, the simulation experiment, the
optimisation), each with a minimum and a preferred level. The words are this package's.

References
----------
.. [1] H. Rahmandad and J. D. Sterman, Reporting guidelines for simulation-based research in social sciences, System
   Dynamics Review 28 (2012) 396–411.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LEVELS", "PARTS", "Facts", "Item", "payoff", "report_items"]

PARTS = ("model", "simulation experiment", "optimisation")
#: Searches in words.
SEARCHES = {
    "newton": "damped Newton steps with the expected information (Fisher scoring), then L-BFGS-B; differential "
    "evolution from their ends where these lie apart",
    "global": "differential evolution, no gradients",
}
LEVELS = ("minimum", "preferred")


@dataclass(frozen=True)
class Item:
    """One item: where it belongs, what is asked, and the answer."""

    part: str
    level: str
    asked: str
    answer: str


@dataclass(frozen=True)
class Facts:
    """What a calibration run knows of itself; everything as a reader would have it.

    Attributes
    ----------
    model, model_file, model_hash : str
    variables, equations_with_unit, documented : int
        Variables of the model; how many of them have a unit, and documentation.
    kinds : mapping of str to int
        How many stocks, flows, constants …
    random : bool
        Whether the model draws random numbers.
    start, stop, time_step, save_every : float
    solver : str
    scenario : str
    changes : mapping of str to float
        Constants that the statistics gave, or the user set.
    data : sequence of (str, str)
        Files with SHA-256.
    place : str
    observations, held_out, unused : int
    holdout : str
    errors : sequence of str
        Error types in use.
    series : sequence of str
        ``bingtang_area: Planted area (mu), lognormal, scale estimated``.
    fitted : sequence of str
        ``Potential yield: 1500 to 2900 kg/mu/year, uniform``.
    not_fitted : int
        Parameters with a range that kept their value.
    method, search : str
    starts : int
    agreeing : float
    value : float
        Log-density at the estimate.
    iterations : str
        When a search stops.
    intervals : str
        How intervals were made.
    sampler : str
        Empty where nothing was sampled.
    runs, failed : int
    seed : int
    threads : int
    versions : mapping of str to str
    machine : str
    seconds : float
    command : str
    """

    model: str
    model_file: str
    model_hash: str
    variables: int
    equations_with_unit: int
    documented: int
    kinds: Mapping[str, int]
    random: bool
    start: float
    stop: float
    time_step: float
    save_every: float
    solver: str
    scenario: str = ""
    changes: Mapping[str, float] = field(default_factory=dict)
    data: Sequence[tuple[str, str]] = ()
    place: str = ""
    observations: int = 0
    held_out: int = 0
    unused: int = 0
    holdout: str = ""
    errors: Sequence[str] = ()
    series: Sequence[str] = ()
    fitted: Sequence[str] = ()
    not_fitted: int = 0
    method: str = "map"
    search: str = ""
    starts: int = 0
    agreeing: float = 0.0
    value: float = 0.0
    iterations: str = ""
    intervals: str = ""
    sampler: str = ""
    runs: int = 0
    failed: int = 0
    seed: int = 0
    threads: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    seconds: float = 0.0
    command: str = ""


def payoff(errors: Sequence[str]) -> str:
    """The function that is maximised, in words and symbols, for the error types in use."""
    forms = {
        "lognormal": "log y ~ Normal(log(f p), s²)",
        "normal": "y ~ Normal(f p, s²)",
        "student_t": "(y - f p)/s ~ Student-t with 4 degrees of freedom",
    }
    used = "; ".join(f"{name}: {forms[name]}" for name in forms if name in errors)
    return (
        "log-likelihood of the statistics plus log-priors. "
        f"Of a value y with prediction p, scope factor f and scale s: {used}. "
        "A bound counts the probability of lying beyond it, a range that of lying within"
    )


def _several(kind: str, count: int) -> str:
    """A kind of variable in the singular or plural: ``1 stock``, ``2 auxiliaries``."""
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return kind if count == 1 or kind == "data" else plural


def _model_text(f: Facts) -> str:
    kinds = ", ".join(f"{count} {_several(kind, count)}" for kind, count in f.kinds.items() if count)
    return f"{f.model_file}, SHA-256 {f.model_hash}: {f.variables} variables ({kinds}); every equation is in the file"


def _changes(f: Facts) -> str:
    given = "; ".join(f"{name} = {value:.10g}" for name, value in f.changes.items())
    parts = [
        f"scenario {f.scenario}" if f.scenario else "base scenario",
        f"set from the statistics: {given}" if given else "",
    ]
    return "; ".join(part for part in parts if part)


def _data(f: Facts) -> str:
    files = "; ".join(f"{name} (SHA-256 {digest})" for name, digest in f.data)
    return (
        f"{files}; place {f.place or 'not named'}; {f.observations} rows fitted, {f.held_out} held out"
        f"{f' ({f.holdout})' if f.holdout else ''}, {f.unused} not used, each with its reason"
    )


def _software(f: Facts) -> str:
    return ", ".join(f"{name} {number}" for name, number in f.versions.items()) + (
        f"; {f.machine}" if f.machine else ""
    )


#: Part, level, what is asked, and how the answer is made.
_ITEMS: tuple[tuple[str, str, str, Callable[[Facts], str]], ...] = (
    ("model", "minimum", "every computation of the model, in words or the notation of the field", _model_text),
    ("model", "minimum", "values of parameters and initial conditions, with units",
     lambda f: f"in {f.model_file} and parameters.csv; {_changes(f)}; estimates in estimates.csv"),
    ("model", "minimum", "sources of the data", _data),
    ("model", "minimum", "random elements: distributions and seeds",
     lambda f: f"drawn from the model's own generators, seed {f.seed}" if f.random else "none in the model"),
    ("model", "preferred", "equations with unit and documentation, each",
     lambda f: f"{f.equations_with_unit} of {f.variables} variables have a unit, {f.documented} documentation"),
    ("model", "preferred", "model and data in a form that others can run",
     lambda f: f"{f.model_file} opens in Vensim; the files named here are all that is needed"),
    ("simulation experiment", "minimum", "software and machine", _software),
    ("simulation experiment", "minimum", "integration method, time step and period",
     lambda f: f"{f.solver}, step {f.time_step:.10g}, {f.start:.10g} to {f.stop:.10g}, saved each {f.save_every:.10g}"),
    ("simulation experiment", "minimum", "settings that differ from the model file", _changes),
    ("simulation experiment", "minimum", "number of runs, and failures",
     lambda f: f"{f.runs:,} runs, {f.failed:,} failed" if f.runs else "counted in run.json"),
    ("simulation experiment", "minimum", "what was done to inputs and outputs",
     lambda f: "units converted; " + "; ".join(f.series)),
    ("simulation experiment", "minimum", "seed of random numbers", lambda f: str(f.seed)),
    ("simulation experiment", "preferred", "the command that makes it again", lambda f: f.command),
    ("optimisation", "minimum", "payoff", lambda f: payoff(f.errors)),
    ("optimisation", "minimum", "parameters sought, with their ranges and what is believed of them before data",
     lambda f: "; ".join(f.fitted)),
    ("optimisation", "minimum", "parameters not sought", 
     lambda f: f"{f.not_fitted} with a range kept the model's value"),
    ("optimisation", "minimum", "algorithm and its settings",
     lambda f: f"{SEARCHES.get(f.search, f.search)}; {f.starts} starts; {f.iterations}"),
    ("optimisation", "minimum", "whether the optimum was found",
     lambda f: f"{f.agreeing:.0%} of the starts ended at the best log-density, {f.value:.4g}"),
    ("optimisation", "minimum", "uncertainty of the estimates", lambda f: f.intervals),
    ("optimisation", "preferred", "posterior", lambda f: f.sampler or "not sampled (--method nuts does)"),
    ("optimisation", "preferred", "time taken", lambda f: f"{f.seconds:.0f} s on {f.threads} threads"),
)  # fmt: skip


def report_items(facts: Facts) -> tuple[Item, ...]:
    """The items with their answers, in the order of the parts."""
    return tuple(Item(part, level, asked, answer(facts)) for part, level, asked, answer in _ITEMS)


def as_table(items: Sequence[Item]) -> dict[str, list[Any]]:
    """The items as columns ``part, level, item, text``."""
    return {
        "part": [item.part for item in items],
        "level": [item.level for item in items],
        "item": [item.asked for item in items],
        "text": [item.answer for item in items],
    }
