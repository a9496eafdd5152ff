"""A whole analysis: its runs, its indices, and beside them what one step of each lever does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.sensitivity.columns import limited
from cluster_sd.sensitivity.convergence import Convergence, convergence
from cluster_sd.sensitivity.experiment import Experiment, effects
from cluster_sd.sensitivity.measures_of import Asked
from cluster_sd.sensitivity.paired import Paired
from cluster_sd.sensitivity.planning import Planned
from cluster_sd.sensitivity.regional import Regional, independent_rows, regional, worst_share
from cluster_sd.sensitivity.result import Indices, Outcome
from cluster_sd.sensitivity.running import Place, run_sample
from cluster_sd.sensitivity.sampling import Outputs, Sample, check_outputs
from cluster_sd.sensitivity.steps import Steps, steps

__all__ = ["PARTS", "Study", "carry_out", "part_of"]

#: Designs of an analysis, each of whose finished runs are kept in a file of their own.
PARTS = ("", "steps", "experiment")
#: Outcomes of which is told what sets the worst runs apart, and what smaller samples would have said.
LOOKED_AT = 3
#: Runs that are shown and correlated one by one.
MOST_DRAWS = 8192
#: Methods whose runs are neighbours of each other, so that runs can't be split into good and bad ones.
ALONG_PATHS = ("morris", "fast", "rbd")


@dataclass(frozen=True, eq=False)
class Study:
    """What an analysis found.

    Attributes
    ----------
    model, scenario : str
        Name of the model; of the scenario, empty where there is none.
    asked : tuple of Asked
        Measures, in the order of the outcomes of `indices`.
    sample : Sample
    outputs : Outputs
    indices : Indices
    steps : Steps or None
        What one step of each lever does.
    experiment : Experiment or None
    regional : tuple of Regional
        What sets the worst fifth of the runs apart, for the first outcomes that can be better or worse.
    convergence : Convergence or None
        What smaller samples would have said of the first outcomes; None for a method whose samples have no parts.
    settings : dict
        Of the runs.
    failed, runs : int
        Of all designs.
    notes : tuple of str
        What was decided on the user's behalf.
    """

    model: str
    scenario: str
    asked: tuple[Asked, ...]
    sample: Sample
    outputs: Outputs
    indices: Indices
    steps: Steps | None
    experiment: Experiment | None
    regional: tuple[Regional, ...]
    convergence: Convergence | None
    settings: dict[str, Any]
    failed: int
    runs: int
    notes: tuple[str, ...]

    def about(self, measure: str) -> Asked:
        """The measure of this text."""
        return next(one for one in self.asked if one.text == measure)

    @cached_property
    def draws(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Some runs that are draws of their own (where the method has such), and their coordinates (run, factor)."""
        try:
            rows = independent_rows(self.sample)
        except InputError:  # along paths: neighbours, thinned
            rows = np.arange(self.sample.runs)
        rows = rows[:: max(len(rows) // MOST_DRAWS, 1)][:MOST_DRAWS]
        return rows, np.concatenate([self.sample.unit(i, i + 1) for i in rows.tolist()])

    def output(self, measure: str, time: float | None = None) -> NDArray[np.float64]:
        """Outputs of a measure, shape (runs,)."""
        return self.outputs.values[:, self.indices.outcome(measure, time)]


def carry_out(
    planned: Planned,
    *,
    place: Place | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, int], object] | None = None,
    analyzing: Callable[[], AbstractContextManager[object]] = nullcontext,
    **analysis: Any,
) -> Study:
    """Run all designs and analyse what comes back.

    Parameters
    ----------
    planned : Planned
    place, checkpoint, resume
        See :func:`cluster_sd.sensitivity.running.run_sample`.
    progress : callable, optional
        Called as ``progress(done, total)``, over all designs.
    analyzing : callable
        Gives a context manager that is entered while the outputs are analysed.
    **analysis
        For the method's ``analyze``: ``level``, ``resamples``.
    """
    runner = _Runner(planned, place, checkpoint, resume, progress)
    outputs = runner.derived() if planned.method.slopes else runner.main()
    found_steps = found_experiment = None
    if planned.stepped is not None:
        moved = runner.run("steps", planned.stepped, planned.numbers, _by_set(planned.stepped))
        better = [one.better for one in planned.numbers]
        found_steps = steps(planned.stepped, moved, planned.actions, better, spending=planned.spending)
    if planned.factorial is not None:
        mixed = runner.run("experiment", planned.factorial, planned.numbers, _by_set(planned.factorial))
        found_experiment = effects(planned.factorial, mixed, planned.asking.switches)
    with analyzing(), limited(planned.settings.threads):
        indices = planned.method.analyze(planned.sample, outputs, seed=planned.settings.seed, **analysis)
        worst = _worst(planned, outputs)
        grown = _grown(planned, outputs, indices)
    return Study(
        model=planned.model.name,
        scenario=planned.settings.scenario or "",
        asked=planned.asked,
        sample=planned.sample,
        outputs=outputs,
        indices=indices,
        steps=found_steps,
        experiment=found_experiment,
        regional=worst,
        convergence=grown,
        settings=runner.settings,
        failed=runner.failed,
        runs=runner.done,
        notes=tuple(dict.fromkeys((*planned.sample.problem.notes, *planned.sample.notes, *indices.notes))),
    )


def _worst(planned: Planned, outputs: Outputs) -> tuple[Regional, ...]:
    """What sets the worst runs apart; nothing where the method's runs are no draws of their own."""
    known = [one for one in planned.asked if one.better and not one.measure.is_series]
    if not known or planned.method.name in ALONG_PATHS:
        return ()
    return regional(planned.sample, outputs, [worst_share(Outcome(one.text), one.better) for one in known[:LOOKED_AT]])


def _grown(planned: Planned, outputs: Outputs, indices: Indices) -> Convergence | None:
    """The ranking over growing samples, for the first outcomes; of a series at its end."""
    if planned.method.slopes:
        return None
    numbers = [one for one in planned.asked if not one.measure.is_series] or list(planned.asked)
    ends = [(one.text, float(one.times[-1]) if one.measure.is_series else None) for one in numbers[:LOOKED_AT]]
    found = convergence(
        planned.sample, outputs, indices, columns=[indices.outcome(*end) for end in ends], seed=planned.settings.seed
    )
    return found if len(found.sizes) > 1 else None


@dataclass
class _Runner:
    """Runs one design after the other and counts."""

    planned: Planned
    place: Place | None
    checkpoint: Path | None
    resume: bool
    progress: Callable[[int, int], object] | None
    done: int = 0
    failed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    def main(self) -> Outputs:
        """Outputs of the sample that the method analyses."""
        planned = self.planned
        return _returned(planned, self.run("", planned.ran, planned.asked, planned.streams))

    def derived(self) -> Outputs:
        """The same with derivatives, for a method that is made from them."""
        from cluster_sd.sensitivity.dgsm import derive

        planned = self.planned
        if self.place is not None:
            raise InputError(f"--scheduler: --method {planned.method.name} derives on this machine alone")
        told = None if self.progress is None else self._told
        made = derive(
            planned.model, planned.sample, planned.asked, planned.settings, jumps=planned.asking.jumps, progress=told
        )
        self.done += planned.sample.runs
        self.failed += int(made.failed.sum())
        return made

    def run(self, part: str, sample: Sample, asked: Sequence[Asked], streams: NDArray[np.int64] | None) -> Outputs:
        made = run_sample(
            self.planned.model,
            sample,
            asked,
            self.planned.settings,
            place=self.place,
            streams=streams,
            checkpoint=None if self.checkpoint is None else part_of(self.checkpoint, part),
            resume=self.resume,
            progress=None if self.progress is None else self._told,
        )
        self.done += sample.runs
        self.failed += int(made.outputs.failed.sum())
        self.settings = self.settings or made.settings
        return made.outputs

    def _told(self, done: int, _: int) -> None:
        if self.progress is not None:
            self.progress(self.done + done, self.planned.runs)


def _by_set(sample: Paired) -> NDArray[np.int64]:
    """Random streams: one a parameter set, so that its variants differ by what they change alone."""
    return np.arange(sample.runs) // len(sample.variants)


def _returned(planned: Planned, outputs: Outputs, block: int = 20_000) -> Outputs:
    """Outputs as those of the rows that are analysed, seen to belong to the rows that were run."""
    if planned.ran is planned.sample:
        return outputs
    check_outputs(planned.ran, outputs)
    hashes = [planned.sample.hashes(first, first + block) for first in range(0, outputs.runs, block)]
    return replace(outputs, hashes=np.concatenate(hashes))


def part_of(out: Path, part: str) -> Path:
    """Beside which the finished runs of a design are kept."""
    return out if not part else out.with_name(f"{out.name}-{part}")
