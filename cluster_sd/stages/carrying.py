"""All stages of a model, one after the other: what is kept is reused, and what is quick is done beside what is long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from cluster_sd.simulate.batch import usable_cores
from cluster_sd.stages.beside import Beside
from cluster_sd.stages.found import Found, LeftOut, Results
from cluster_sd.stages.keeping import Keep, key_of
from cluster_sd.stages.levers import nothing_to_rank, refuse_too_many
from cluster_sd.stages.registry import STAGES, Stage, made

if TYPE_CHECKING:
    from cluster_sd.stages.case import Case

__all__ = ["Carried", "Telling", "carry_out"]

#: ``tell(stage, done, total)``: how far a stage is; it is finished where both are the same.
Telling = Callable[[str, int, int], object]
#: The stage without which there is no page.
FIRST = "model"
#: The stage that takes longest and uses all threads; all others are done in a process beside it.
LONG = "levers"
#: Weight of the others below which a process of their own isn't worth its start.
WORTH = 3.0


@dataclass(frozen=True, eq=False)
class Carried:
    """What all stages found.

    Attributes
    ----------
    results : mapping of str to Found or LeftOut
        In the order of :data:`cluster_sd.stages.registry.STAGES`; those that weren't wanted are not there.
    more : mapping of str to Found or LeftOut
        What the stages found that the caller added.
    seconds : mapping of str to float
        How long each stage took; one that was kept, when it was made.
    reused : tuple of str
        Stages that were kept.
    """

    results: Results
    more: Results
    seconds: Mapping[str, float]
    reused: tuple[str, ...]

    @property
    def runs(self) -> int:
        """Of all stages."""
        return sum(one.facts.get("runs", 0) for one in self._found)

    @property
    def failed(self) -> int:
        """Runs that failed."""
        failed = (one.facts.get("failed", 0) for one in self._found)
        return sum(one if isinstance(one, int) else len(one) for one in failed)

    @property
    def _found(self) -> list[Found]:
        return [one for one in self.results.values() if isinstance(one, Found)]


@dataclass
class _Work:
    """Takes in what is finished, from any thread."""

    case: Case
    stages: Mapping[str, Stage]
    tell: Telling | None
    keep: Keep | None
    keys: Mapping[str, str]
    results: dict[str, Found | LeftOut] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reuse(self) -> tuple[str, ...]:
        """Take what is kept."""
        for name in self.stages if self.keep is not None else ():
            kept = self.keep.load(self.keys[name]) if self.keep is not None else None
            if kept is not None:
                self.results[name], self.seconds[name] = kept
                if self.tell is not None:
                    self.tell(name, 1, 1)
        return tuple(self.results)

    def told(self, stage: str, done: int, total: int) -> None:
        """A stage says how far it is; its end is told when the result is there."""
        if self.tell is not None and done < total:
            with self.lock:
                self.tell(stage, done, total)

    def finish(self, stage: str, result: Found | LeftOut, seconds: float) -> None:
        """A stage is finished."""
        if self.keep is not None:
            self.keep.save(self.keys[stage], result, seconds)
        with self.lock:
            self.results[stage] = result
            self.seconds[stage] = seconds
            if self.tell is not None:
                self.tell(stage, 1, 1)

    def do(self, stage: str) -> None:
        """Do a stage here and now."""
        begun = time.perf_counter()
        self.told(stage, 0, 1)
        result = made(self.stages[stage], self.case, lambda done, total: self.told(stage, done, total))
        self.finish(stage, result, time.perf_counter() - begun)


def carry_out(
    case: Case,
    tell: Telling | None = None,
    keep: Keep | None = None,
    more: Mapping[str, Stage] = MappingProxyType({}),
    only: Collection[str] | None = None,
) -> Carried:
    """Every stage of a model.

    Parameters
    ----------
    case : Case
    tell : callable, optional
        Called as ``tell(stage, done, total)``, from one thread at a time; for a stage that was kept, once, as finished.
    keep : Keep, optional
        Where finished stages are kept; whoever stops this halfway finds them there the next time.
    more : mapping of str to Stage, optional
        Further stages, by names that no other has; their functions can be imported from a module.
    only : collection of str, optional
        Stages that are wanted; ``model`` always is.

    Returns
    -------
    Carried

    Raises
    ------
    InputError
        For tables beside the model, or statistics that the user named, that can't be used, and for too large a
        sample. What else can't be computed is left out, with the reason.
    """
    case.check()
    refuse_too_many(case)
    stages = {n: one for n, one in {**STAGES, **more}.items() if only is None or n in only or n == FIRST}
    keys = {} if keep is None else {name: key_of(case, name, stage) for name, stage in stages.items()}
    work = _Work(case, stages, tell, keep, keys)
    reused = work.reuse()
    todo = [name for name in stages if name not in reused]
    others = {name: more.get(name) for name in todo if name != LONG}
    if LONG in todo and _worth_a_process(case, [stages[name] for name in others]):
        with Beside(case, others, work.told, work.finish) as beside:
            work.do(LONG)
            beside.wait()
    for name in todo:
        if name not in work.results:
            work.do(name)
    return Carried(
        MappingProxyType({name: work.results[name] for name in stages if name not in more}),
        MappingProxyType({name: work.results[name] for name in stages if name in more}),
        MappingProxyType({name: round(work.seconds[name], 3) for name in stages}),
        reused,
    )


def _worth_a_process(case: Case, others: Sequence[Stage]) -> bool:
    """Whether the long stage has work to do, and so have the others."""
    enough = sum(stage.weight for stage in others) >= WORTH
    return enough and usable_cores() > 1 and nothing_to_rank(case) is None
