"""Loops That Matter for one run: from a model to :class:`~cluster_sd.loops.result.LoopAnalysis`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.api import Model
from cluster_sd.errors import InputError, SimulationError, unknown
from cluster_sd.loops.links import Graph, causal_graph
from cluster_sd.loops.listing import listed
from cluster_sd.loops.named import NamedLoop, closed_paths, read_loops
from cluster_sd.loops.record import Recording, recording
from cluster_sd.loops.result import LoopAnalysis
from cluster_sd.loops.scores import link_scores
from cluster_sd.loops.search import LIMIT, PATHS, find_loops
from cluster_sd.model.names import clean, spelled
from cluster_sd.simulate.batch import item_name, visible_name
from cluster_sd.simulate.running import Settings

Array = NDArray[np.float64]


def analyse(
    model: Model,
    changes: Mapping[str, Any] | None = None,
    *,
    series: Mapping[str, Any] | None = None,
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
    through: Sequence[str] = (),
) -> LoopAnalysis:
    """Which loops drive the behaviour of a run, and when, by the Loops That Matter method.

    Parameters
    ----------
    model : Model
    changes, series, scenario, solver, backend, time_step, start, stop, save_every, seed
        As in :meth:`cluster_sd.api.Model.run`. Scores are those of the step that ends at each saved time.
    names : path, optional
        A ``loops.csv``; default: that of the model's folder, where it has one.
    limit : int
        Most loops that are enumerated exactly; 0 goes to the strongest paths at once.
    paths : int
        Effort of the strongest-path search: paths that grow side by side at each of the times that it looks at.
    keep : int
        Loops in the result besides those that have a name; all of those found count in the shares.
    through : sequence of str
        Variables that the question is about: the strongest loops through them are searched for, and a quarter of `keep`
        through each of them is kept, however small their shares.

    Returns
    -------
    LoopAnalysis

    Raises
    ------
    InputError
        Where the model has no loop, a named loop is not closed, or something asked for can't be.
    SimulationError
        Where a variable is not finite: which, and when.

    References
    ----------
    Schoenberg, W., Davidsen, P. and Eberlein, R. 2020. Understanding model behavior using the Loops that Matter method.
    System Dynamics Review 36(2), 158-190. Schoenberg, W., Hayward, J. and Eberlein, R. 2023. Improving Loops that
    Matter. System Dynamics Review 39(2), 140-151.
    """
    settings = Settings(scenario, solver, backend, time_step, start, stop, save_every, seed)
    record = recording(model, settings, changes, series)
    graph = causal_graph(record.program, model.metadata)
    named = named_loops(model, names)
    known = closed_paths(named, graph, record.program.outputs)
    wanted = spelled_names(through, graph, model)
    return analysis_of(record, graph, named, known, model.name, limit=limit, paths=paths, keep=keep, through=wanted)


def analysis_of(
    record: Recording,
    graph: Graph,
    named: Sequence[NamedLoop],
    known: Sequence[tuple[int, ...]],
    model: str,
    *,
    run: int = 0,
    limit: int = LIMIT,
    paths: int = PATHS,
    keep: int = 200,
    through: Sequence[str] = (),
) -> LoopAnalysis:
    """Analysis of one run of a recording; `known` are the links of the loops in `named`."""
    links = scores_of_run(record, graph, run)
    found = find_loops(graph, links, limit=limit, paths=paths, through=through)
    return LoopAnalysis(
        model=model,
        times=record.times,
        **listed(graph, links, found, named, known, keep, through),
        links=graph.links,
        link_scores=np.ascontiguousarray(links.T),
        time_unit=record.time_unit,
        settings=record.settings,
    )


def spelled_names(names: Sequence[str], graph: Graph, model: Model) -> list[str]:
    """Variables in the model's spelling; UnknownNameError where a name is none's, InputError where it is in no loop."""
    known = {clean(name): name for name in (*graph.program.outputs, *graph.everything)}
    found = []
    for name in names:
        own = spelled(name, known)
        if own is None or clean(own) not in known:
            raise unknown("variable", name, known.values())
        if known[clean(own)] not in graph.component:
            raise InputError(f"{model.path}: no loop runs through '{known[clean(own)]}'")
        found.append(known[clean(own)])
    return found


def named_loops(model: Model, names: str | Path | None) -> tuple[NamedLoop, ...]:
    """Rows of `names`, or of the ``loops.csv`` beside the model; none where there is none."""
    path = model.folder.path / "loops.csv" if names is None else Path(names)
    return read_loops(path) if names is not None or path.is_file() else ()


def scores_of_run(record: Recording, graph: Graph, run: int = 0) -> Array:
    """Scores of all links in one run of a recording, shape (link, time).

    Raises
    ------
    SimulationError
        Where a stock or a variable in a loop is not finite.
    """
    block = record.execute(run, run + 1)
    item = int(block.failures.item[0])
    if item >= 0:
        name = item_name(record.experiment, item)
        raise SimulationError(visible_name(name), float(block.failures.time[0]), block.detail)
    before, after = record.leaves(block, run, run + 1)
    made = link_scores(graph, before, after, len(record.ends), 1)
    if made.bad[0] >= 0:
        raise SimulationError(visible_name(graph.variables[made.worst[0]]), float(record.times[made.bad[0]]))
    return made.scores[:, :, 0]
