"""Loops of many runs: one list of loops, their shares in every run, and when dominance passes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.api import Model
from cluster_sd.errors import InputError, SimulationError
from cluster_sd.loops.analysis import analysis_of, named_loops
from cluster_sd.loops.links import Graph, causal_graph
from cluster_sd.loops.listing import Row, loops_with_ids
from cluster_sd.loops.named import NamedLoop, closed_paths
from cluster_sd.loops.partitions import shares_of, totals_of
from cluster_sd.loops.record import Recording, recording
from cluster_sd.loops.result import EnsembleLoops, LoopAnalysis, Passage
from cluster_sd.loops.scores import link_scores
from cluster_sd.loops.search import LIMIT, PATHS, products
from cluster_sd.simulate.batch import Counter, item_name, run_blocks, visible_name
from cluster_sd.simulate.design import as_design
from cluster_sd.simulate.outputs import check_size
from cluster_sd.simulate.running import Settings, thread_count

Array = NDArray[np.float64]
#: Numbers of one node's values in a block, and memory that the values of all nodes may take in one.
_WIDE, _BYTES = 4096, 200 * 2**20
#: Analysed times where the caller doesn't say how often results are saved.
_TIMES = 64


def analyse_ensemble(
    model: Model,
    design: Any,
    *,
    base: LoopAnalysis | None = None,
    scenario: str | None = None,
    solver: str | None = None,
    backend: str | None = None,
    time_step: float | None = None,
    start: float | None = None,
    stop: float | None = None,
    save_every: float | None = None,
    seed: int = 0,
    names: str | Path | None = None,
    limit: int = LIMIT,
    paths: int = PATHS,
    keep: int = 200,
    check: int = 3,
    threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> EnsembleLoops:
    """Shares of loops in every run of a design, with one list of loops for all.

    Parameters
    ----------
    model : Model
    design : pandas.DataFrame, mapping of str to array, or path of a CSV file
        As in :meth:`cluster_sd.api.Model.ensemble`: a row a run.
    base : LoopAnalysis, optional
        Of the run that the list of loops starts from; default: that of the model's own values with the same settings.
    scenario, solver, backend, time_step, start, stop, save_every, seed
        As in :meth:`cluster_sd.api.Model.ensemble`; without `save_every`, about 64 of the model's saved times or fewer.
    names, limit, paths, keep
        As in :func:`cluster_sd.loops.analyse`.
    check : int
        Runs, spread over the design, whose own strongest loops join the list; how much the list misses is told of
        them.
    threads : int, optional
        Default: the cores that the process may use. Results don't depend on it.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    EnsembleLoops

    Raises
    ------
    InputError
        As :func:`cluster_sd.loops.analyse`. Runs with values that are not finite are marked, not raised.
    """
    settings = Settings(scenario, solver, backend, time_step, start, stop, save_every, seed, threads)
    table = as_design(design)
    record = recording(model, settings, design=table, most=None if save_every else _TIMES)
    graph = causal_graph(record.program, model.metadata)
    named = named_loops(model, names)
    known = closed_paths(named, graph, record.program.outputs)
    look = partial(analysis_of, named=named, known=known, model=model.name, limit=limit, paths=paths, keep=keep)
    if base is None:
        alone = recording(model, settings, most=None if save_every else _TIMES)
        base = look(alone, causal_graph(alone.program, model.metadata))
    loops, checked = _common(record, graph, known, base, check, look)
    check_size(table.runs * len(record.ends) * len(loops), "runs, saved times or loops")
    made = _Shares.empty(record, graph, loops)
    counter = Counter(table.runs, 0, progress)
    size = _block(record)
    blocks = [(first, min(first + size, table.runs)) for first in range(0, table.runs, size)]
    run_blocks(made.fill, blocks, thread_count(threads), counter.add)
    return made.finished(base, named, checked)


def _block(record: Recording) -> int:
    times = len(record.ends)
    return max(1, min(_WIDE // times, _BYTES // (16 * times * len(record.program.nodes))))


def _common(
    record: Recording,
    graph: Graph,
    known: Sequence[tuple[int, ...]],
    base: LoopAnalysis,
    check: int,
    look: Callable[..., LoopAnalysis],
) -> tuple[list[tuple[int, ...]], dict[int, LoopAnalysis]]:
    """Links of the loops in the list, named ones first, and the analyses of the runs that were looked at."""
    number = {link: i for i, link in enumerate(graph.links)}
    loops: dict[frozenset[int], tuple[int, ...]] = {frozenset(loop): loop for loop in known}
    checked: dict[int, LoopAnalysis] = {}
    runs = record.experiment.inputs.runs
    for run in np.unique(np.linspace(0, runs - 1, check + 2).round().astype(int)[1:-1]) if check > 0 else ():
        try:
            checked[int(run)] = look(record, graph, run=int(run))
        except SimulationError:
            continue
    for analysis in (base, *checked.values()):
        for loop in analysis.loops:
            if all(link in number for link in loop.links):
                links = tuple(number[link] for link in loop.links)
                loops.setdefault(frozenset(links), links)
    if not loops:
        raise InputError("no loop acts in the base run nor in those that were looked at")
    return list(loops.values()), checked


@dataclass(frozen=True, slots=True)
class _Shares:
    """Result arrays, filled block by block."""

    record: Recording
    graph: Graph
    loops: list[tuple[int, ...]]
    partition: list[int]
    shares: Array
    failed: NDArray[np.bool_]
    variable: NDArray[np.object_]
    time: Array

    @classmethod
    def empty(cls, record: Recording, graph: Graph, loops: list[tuple[int, ...]]) -> _Shares:
        runs = record.experiment.inputs.runs
        homes = [graph.component[graph.links[loop[0]].source] for loop in loops]
        order = sorted(set(homes), key=lambda home: (-homes.count(home), home))
        return cls(
            record,
            graph,
            loops,
            [order.index(home) for home in homes],
            np.full((runs, len(record.ends), len(loops)), np.nan),
            np.zeros(runs, dtype=bool),
            np.full(runs, "", dtype=object),
            np.full(runs, np.nan),
        )

    def fill(self, first: int, last: int) -> None:
        """Score the runs from `first` up to, not including, `last`."""
        record, graph = self.record, self.graph
        block = record.execute(first, last)
        before, after = record.leaves(block, first, last)
        links = link_scores(graph, before, after, len(record.ends), last - first)
        scores = products(links.scores, self.loops)
        totals = totals_of(scores, self.partition, max(self.partition) + 1)
        self.shares[first:last] = np.moveaxis(shares_of(scores, self.partition, totals), (0, 1, 2), (2, 1, 0))
        for i in range(last - first):
            item = int(block.failures.item[i])
            if item >= 0:
                self._fail(first + i, item_name(record.experiment, item), float(block.failures.time[i]))
            elif links.bad[i] >= 0:
                self._fail(first + i, graph.variables[links.worst[i]], float(record.times[links.bad[i]]))

    def _fail(self, run: int, name: str, time: float) -> None:
        self.failed[run], self.variable[run], self.time[run] = True, visible_name(name), time
        self.shares[run] = np.nan

    def finished(
        self, base: LoopAnalysis, named: Sequence[NamedLoop], checked: Mapping[int, LoopAnalysis]
    ) -> EnsembleLoops:
        """The result, with loops marked as over all runs."""
        good = self.shares[~self.failed]
        flat = np.moveaxis(good, -1, 0).reshape(len(self.loops), -1)
        means = np.abs(flat).mean(axis=1) if flat.size else np.zeros(len(self.loops))
        rows = [
            Row(loop, named[i] if i < len(named) else None, self.partition[i], float(means[i]))
            for i, loop in enumerate(self.loops)
        ]
        alone = [self.partition.count(part) < 2 for part in self.partition]
        order = sorted(range(len(rows)), key=lambda i: (alone[i], -means[i]))
        return EnsembleLoops(
            base=base,
            times=self.record.times,
            loops=loops_with_ids(self.graph, [rows[i] for i in order], flat[order]),
            shares=np.ascontiguousarray(self.shares[:, :, order]),
            failed=self.failed,
            failed_variable=self.variable,
            failed_time=self.time,
            checked=tuple(checked),
            missed=self._missed(checked),
            complete=all(a.complete and a.search.found == a.search.kept for a in (base, *checked.values())),
            settings=self.record.settings,
        )

    def _missed(self, checked: Mapping[int, LoopAnalysis]) -> float:
        """Largest part, over the checked runs, of what was found there and is not in the list."""
        number = {link: i for i, link in enumerate(self.graph.links)}
        own = {frozenset(loop) for loop in self.loops}
        parts = []
        for analysis in checked.values():
            inside = [frozenset(number[link] for link in loop.links) in own for loop in analysis.loops]
            first = [i for i, loop in enumerate(analysis.loops) if inside[i] and loop.partition == 0]
            parts.append(1.0 - float(np.abs(analysis.shares[:, first]).sum(axis=1).mean()))
        return max(parts, default=float("nan"))


def passages(times: Array, shares: Array, names: Sequence[str]) -> tuple[Passage, ...]:
    """When dominance passes from one group (or loop) to another.

    Parameters
    ----------
    times : array, shape (time,)
    shares : array, shape (time, group)
        Absolute shares. Times at which all are zero are passed over.
    names : sequence of str

    Returns
    -------
    tuple of Passage
        In order of time; between two analysed times the two shares are taken as straight lines.
    """
    size = np.abs(shares)
    rows = np.flatnonzero(size.max(axis=1, initial=0.0) > 0)
    found = []
    for a, b in itertools.pairwise(rows.tolist()):
        old, new = int(size[a].argmax()), int(size[b].argmax())
        if old == new:
            continue
        lead, gap = size[a, old] - size[a, new], size[b, new] - size[b, old]
        part = lead / (lead + gap) if lead + gap > 0 else 1.0
        found.append(Passage(float(times[a] + part * (times[b] - times[a])), names[old], names[new]))
    return tuple(found)
