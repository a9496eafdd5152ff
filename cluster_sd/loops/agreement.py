"""A second and a third opinion: eigenvalue elasticities and pathway participation beside the loop scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster_sd.api import Model
from cluster_sd.errors import InputError
from cluster_sd.loops.eigen import eigen_analysis
from cluster_sd.loops.gains import Linear, linearised
from cluster_sd.loops.links import Graph, causal_graph
from cluster_sd.loops.loop import leaders
from cluster_sd.loops.pathway import pathway_analysis
from cluster_sd.loops.record import recording
from cluster_sd.loops.result import Agreement, EigenAnalysis, Link, LoopAnalysis, PathwayAnalysis
from cluster_sd.simulate.running import Settings

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What two other methods say of the loops of a run.

    Attributes
    ----------
    eigen : EigenAnalysis
    pathway : PathwayAnalysis
    agreement : Agreement
        Which loop each of the three methods holds for dominant, time by time.
    """

    eigen: EigenAnalysis
    pathway: PathwayAnalysis
    agreement: Agreement


def second_opinion(
    model: Model,
    analysis: LoopAnalysis,
    changes: Mapping[str, Any] | None = None,
    *,
    series: Mapping[str, Any] | None = None,
    stock: str | None = None,
    partition: int = 0,
    times: int = 24,
    loops: int = 40,
) -> SecondOpinion:
    """Ask eigenvalue elasticities and the pathway participation metric which loops dominate.

    Parameters
    ----------
    model : Model
    analysis : LoopAnalysis
        Of :func:`cluster_sd.loops.analyse`.
    changes, series
        Those that `analysis` was made with; its scenario and settings are taken from it.
    stock : str, optional
        The stock that pathways are traced back from; default: the first of the partition in the model's order that
        lies on its strongest loop.
    partition : int
        Number of the partition.
    times : int
        How many times to look at, evenly over the run.
    loops : int
        Loops whose elasticities are computed: the named ones of the partition, and the strongest others up to this.

    Raises
    ------
    InputError
        Where there is no such partition or stock, or the run is by an adaptive solver with other times.
    """
    if not 0 <= partition < len(analysis.partitions):
        raise InputError(f"there is no partition {partition}; there are {len(analysis.partitions)}, numbered from 0")
    used = analysis.settings
    keys = ("scenario", "solver", "backend", "time_step", "start", "stop", "save_every", "seed")
    record = recording(model, Settings(**{key: used[key] for key in keys}), changes, series)
    graph = causal_graph(record.program, model.metadata)
    linear = linearised(record, graph)
    chosen = np.unique(np.linspace(0, len(analysis.times) - 1, max(1, times)).round().astype(int)).tolist()
    picked = _picked(analysis, partition, loops)
    eigen = eigen_analysis(graph, linear, analysis, partition, chosen, picked)
    path = pathway_analysis(graph, linear, analysis, stock or _stock(graph, analysis, partition), chosen)
    return SecondOpinion(eigen, path, _agreement(graph, linear, analysis, partition, chosen, eigen, path))


def _picked(analysis: LoopAnalysis, partition: int, most: int) -> list[int]:
    inside = [i for i, loop in enumerate(analysis.loops) if loop.partition == partition]
    named = [i for i in inside if analysis.loops[i].name]
    return [*named, *[i for i in inside if not analysis.loops[i].name][: max(0, most - len(named))]]


def _stock(graph: Graph, analysis: LoopAnalysis, partition: int) -> str:
    """First stock, in the model's order, of the strongest loop of the partition that has one of the model's own."""
    own = {state.name for state in graph.program.states}.intersection(analysis.partitions[partition].stocks)
    for loop in analysis.loops:
        found = [name for name in loop.variables if name in own and "#" not in name]
        if loop.partition == partition and found:
            return min(found, key=graph.variables.index)
    raise InputError("the partition has no stock to trace pathways from: it holds fixed delays alone")


def _agreement(
    graph: Graph,
    linear: Linear,
    analysis: LoopAnalysis,
    partition: int,
    times: Sequence[int],
    eigen: EigenAnalysis,
    path: PathwayAnalysis,
) -> Agreement:
    ids = ["", *(loop.id for loop in analysis.loops)]
    ltm = [ids[i + 1] for i in analysis.dominant(partition)[list(times)]]
    by_eigen = ["", *eigen.loops]
    eea = [by_eigen[i + 1] for i in leaders(np.abs(eigen.influence))]
    known = {frozenset(loop.links): loop.id for loop in analysis.loops}
    others: dict[str, tuple[str, ...]] = {}
    ppm = [_id(variables, known, others) for variables in path.loops]
    signs = {loop.id: np.sign(analysis.scores[list(times), i]) for i, loop in enumerate(analysis.loops)}
    number = {link: i for i, link in enumerate(graph.links)}
    for key, variables in others.items():
        rows = [number[link] for link in _links(variables)]
        signs[key] = np.sign(linear.gains[rows][:, list(times)].prod(axis=0))
    agree, same = [], []
    for t, row in enumerate(zip(ltm, eea, ppm, strict=True)):
        said = {one for one in row if one}
        agree.append(len(said) == 1)
        same.append(len({float(signs[one][t]) for one in said} - {0.0}) == 1)
    return Agreement(
        times=analysis.times[list(times)],
        partition=partition,
        stock=path.stock,
        ltm=tuple(ltm),
        eigen=tuple(eea),
        pathway=tuple(ppm),
        agree=np.array(agree, dtype=bool),
        polarity_agree=np.array(same, dtype=bool),
        others=others,
    )


def _links(variables: Sequence[str]) -> list[Link]:
    return [Link(*pair) for pair in zip(variables, [*variables[1:], *variables[:1]], strict=True)]


def _id(variables: tuple[str, ...], known: Mapping[frozenset[Link], str], others: dict[str, tuple[str, ...]]) -> str:
    """Id of a loop given by its variables; a new one where the list does not have it."""
    links = frozenset(_links(variables))
    if not variables or links in known:
        return known.get(links, "")
    for key, found in others.items():
        if frozenset(_links(found)) == links:
            return key
    key = f"P{len(others) + 1}"
    others[key] = variables
    return key
