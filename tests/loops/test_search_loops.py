"""Enumeration beside networkx, and what the search of the strongest loops finds of loops that can be counted."""

from __future__ import annotations

from collections.abc import Callable

import loops_models as models
import networkx as nx
import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.errors import InputError
from cluster_sd.loops import analyse
from cluster_sd.loops.circuits import circuits_together, reduce_graph
from cluster_sd.loops.links import causal_graph
from cluster_sd.loops.record import recording
from cluster_sd.loops.search import Family, find_loops, products
from cluster_sd.loops.strongest import breakers, potentials, strongest_circuits
from cluster_sd.simulate.running import Settings

Vensim = Callable[..., csd.Model]


def digraph(seed: int, nodes: int, links: int) -> list[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    found = {(int(a), int(b)) for a, b in rng.integers(0, nodes, size=(links, 2))}
    return sorted(found)


def truth(links: list[tuple[int, int]], active: np.ndarray) -> set[frozenset[int]]:
    """Circuits of a graph, as links, all of which are active at one time."""
    number = {link: i for i, link in enumerate(links)}
    found = set()
    for nodes in nx.simple_cycles(nx.DiGraph(links)):
        rows = [number[pair] for pair in zip(nodes, [*nodes[1:], nodes[0]], strict=True)]
        if active[rows].all(axis=0).any():
            found.add(frozenset(rows))
    return found


@pytest.mark.parametrize("seed", range(25))
def test_all_circuits_that_act_together_are_found(seed: int) -> None:
    nodes, links, times = ((5, 9, 1), (8, 20, 3), (9, 30, 70), (12, 28, 130), (30, 45, 5))[seed % 5]
    edges = digraph(seed, nodes, links)
    active = np.random.default_rng(seed).random((len(edges), times)) < (1.0 if seed % 2 else 0.8)
    reduced = reduce_graph(edges)
    own = np.array([active[list(chain)].all(axis=0) for chain in reduced.chains]).reshape(-1, times)
    circuits, complete = circuits_together(reduced, own, 10**6, 10**8)
    joined = [[link for chain in circuit for link in reduced.chains[chain]] for circuit in circuits]
    joined += [list(path) for path in reduced.circuits if active[list(path)].all(axis=0).any()]
    assert complete
    assert len(joined) == len({frozenset(path) for path in joined})
    assert {frozenset(path) for path in joined} == truth(edges, active)
    for path in joined:  # in order
        assert all(edges[a][1] == edges[b][0] for a, b in zip(path, [*path[1:], path[0]], strict=True))


def test_the_search_gives_up_at_its_limits() -> None:
    edges = [(a, b) for a in range(9) for b in range(9) if a != b]
    reduced = reduce_graph(edges)
    active = np.ones((len(reduced.chains), 1), dtype=bool)
    assert circuits_together(reduced, active, 10, 10**8)[1] is False
    assert circuits_together(reduced, active, 10**6, 100)[1] is False
    assert len(circuits_together(reduced, active, 10**6, 10**8)[0]) == sum(
        1 for _ in nx.simple_cycles(nx.DiGraph(edges))
    )


@pytest.mark.parametrize("seed", range(6))
def test_every_circuit_runs_through_a_breaker(seed: int) -> None:
    reduced = reduce_graph(digraph(seed, 14, 60))
    graph = nx.DiGraph(zip(reduced.sources.tolist(), reduced.targets.tolist(), strict=True))
    graph.remove_nodes_from(breakers(reduced).tolist())
    assert nx.is_directed_acyclic_graph(graph)


@pytest.mark.parametrize("seed", range(6))
def test_gains_bound_every_circuit(seed: int) -> None:
    edges = digraph(seed, 9, 30)
    logs = np.random.default_rng(seed).normal(-0.5, 2, len(edges))
    sources, targets = np.array(edges).T
    own, gain = potentials(9, sources, targets, logs)
    assert (gain >= -1e-9).all()
    assert (logs + own[sources] - own[targets] - gain[targets] <= 1e-7).all()
    number = {link: i for i, link in enumerate(edges)}
    for nodes in nx.simple_cycles(nx.DiGraph(edges)):
        score = sum(logs[number[pair]] for pair in zip(nodes, [*nodes[1:], nodes[0]], strict=True))
        assert score <= sum(gain[node] for node in nodes) + 1e-6 <= gain.sum() + 2e-6


@pytest.mark.parametrize("seed", range(5))
def test_strongest_paths_find_nearly_all_of_what_can_be_counted(seed: int) -> None:
    edges = digraph(seed, 16, 70)
    reduced = reduce_graph(edges)
    rng = np.random.default_rng(seed)
    logs = np.array([rng.normal(-1, 1.5, 6) * len(chain) ** 0.5 for chain in reduced.chains])
    every, complete = circuits_together(reduced, np.ones(logs.shape, dtype=bool), 10**6, 10**8)
    assert complete
    assert len(every) > 300
    sizes = products(np.exp(logs), every)
    found = strongest_circuits(reduced, logs, 320, 1000)
    alike = {frozenset(path) for path in every}
    assert all(frozenset(path) in alike for path in found)
    assert len({frozenset(path) for path in found}) == len(found)
    part = products(np.exp(logs), found).sum(axis=0) / sizes.sum(axis=0)
    assert part.min() > 0.9
    best = {frozenset(every[i]) for i in sizes.argmax(axis=0)}
    assert best <= {frozenset(path) for path in found}


def test_a_limit_of_zero_goes_to_the_strongest_paths_and_says_so(vensim: Vensim) -> None:
    model = vensim(*models.ARMS_RACE, stop=20, step=0.5)
    exact, searched = analyse(model), analyse(model, limit=0)
    assert (exact.complete, exact.search.method, exact.search.growth) == (True, "exact", 1.0)
    assert (searched.complete, searched.search.method) == (False, "strongest paths")
    assert {loop.variables for loop in searched.loops} == {loop.variables for loop in exact.loops}
    order = [searched.index(next(o.id for o in searched.loops if o.variables == e.variables)) for e in exact.loops]
    np.testing.assert_allclose(searched.shares[:, order], exact.shares, rtol=1e-12)


def test_loops_through_what_is_asked_for_are_found_and_kept(vensim: Vensim) -> None:
    model = vensim(*models.FAMINE, stop=60, step=0.25)
    few = analyse(model, limit=0, paths=20, keep=4, through=["food EACH"])
    assert sum("food each" in loop.variables for loop in few.loops) >= 1
    weakest = min(analyse(model).loops, key=lambda loop: loop.mean_share).variables
    name = next(name for name in weakest if sum(name in loop.variables for loop in analyse(model).loops) < 5)
    kept = analyse(model, keep=4, through=[name])
    assert any(name in loop.variables for loop in kept.loops)
    with pytest.raises(InputError, match="unknown variable 'fod each'; did you mean 'food each'"):
        analyse(model, through=["fod each"])
    with pytest.raises(InputError, match="no loop runs through 'SAVEPER'"):
        analyse(model, through=["saveper"])


def test_what_keeps_a_loop_from_acting_is_told(vensim: Vensim) -> None:
    model = vensim(*models.EPIDEMIC, stop=30, step=0.125)
    analysis = analyse(model)
    loop = next(one for one in analysis.loops if "recovery" in one.variables)
    assert all(part == 1 for _, part in analysis.activity(loop.id))


def test_products_are_those_of_the_links(vensim: Vensim) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(7, 3, 2))
    loops = [(0,), (1, 2, 3), (4, 5), (6, 0, 1, 2, 3)]
    made = products(scores, loops)
    for loop, value in zip(loops, made, strict=True):
        np.testing.assert_allclose(value, scores[list(loop)].prod(axis=0))
    family = Family(((0, 1), (2,), (3, 4)), np.array([[0, 1, 2], [2, 0, 3], [1, 3, 3]], dtype=np.int32))
    assert [family.path(i) for i in range(3)] == [(0, 1, 2, 3, 4), (3, 4, 0, 1), (2,)]
    blocks = np.concatenate([block for _, block in family.scores(scores[:, :, 0])])
    np.testing.assert_allclose(blocks, [scores[list(family.path(i)), :, 0].prod(axis=0) for i in range(3)])


def test_loops_of_a_model_are_those_of_its_graph(vensim: Vensim) -> None:
    model = vensim(*models.FAMINE, stop=60, step=0.25)
    graph = causal_graph(model.program, model.metadata)
    scores = np.ones((len(graph.links), 2))
    found = find_loops(graph, scores)
    loops = [family.path(i) for family in found.families for i in range(len(family.circuits))]
    assert len(loops) == sum(1 for _ in nx.simple_cycles(nx.DiGraph(list(graph.links))))
    assert recording(model, Settings()).times[0] == 0.25


@pytest.mark.slow
def test_the_shipped_models_are_searched_alike_each_time() -> None:
    model = csd.load("lead")
    one, other = analyse(model), analyse(model)
    assert [loop.variables for loop in one.loops] == [loop.variables for loop in other.loops]
    assert (one.shares == other.shares).all()
    assert one.search.growth < 3
