"""Loop eigenvalue elasticities: what each loop has to do with each mode of behaviour of the linearised model.

The eigenvalues λ of the Jacobian are the roots of P(λ) = det(D - G), where G holds the gains of all links and D is λ
for a stock and 1 for another variable. By Mason's rule P is a sum over sets of loops that share no variable, so the
derivative of P in the gain g of one loop is minus the determinant of what is left without the loop's variables, and

.. math:: dλ/dg = det((D - G) without the loop) / P'(λ)

for every loop, whichever others one looks at; no set of independent loops has to be chosen. The elasticity is
(g / |λ|) dλ/dg (Forrester 1982; Kampmann 2012, System Dynamics Review 28(4); Kampmann and Oliva 2006, ibid. 22(3)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster_sd.loops.gains import Linear
from cluster_sd.loops.links import Graph
from cluster_sd.loops.result import EigenAnalysis, LoopAnalysis

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: Modes are looked at, in the order of their weight, until they carry this part of the change.
_CARRIED = 0.99


@dataclass(frozen=True, slots=True)
class System:
    """The linearised model of one partition at one time, auxiliaries in the order of causes.

    Attributes
    ----------
    stocks, others : tuple of str
    jacobian : array, shape (stock, stock)
    through : array, shape (other, other)
        Effect of each other variable on each, along all paths without a stock; 1 on itself.
    into, onto : array, shapes (stock, other), (other, stock)
        Total effects of the others on the stocks' net flows, and of the stocks on the others.
    """

    stocks: tuple[str, ...]
    others: tuple[str, ...]
    jacobian: Array
    through: Array
    into: Array
    onto: Array

    def without(self, stocks: Sequence[int], others: Sequence[int]) -> Array:
        """Jacobian of what is left when some stocks and other variables are held."""
        left = np.setdiff1d(np.arange(len(self.stocks)), stocks)
        found = self.jacobian
        if len(others):
            own = list(others)
            inner = np.linalg.solve(self.through[np.ix_(own, own)], self.onto[own])
            found = found - self.into[:, own] @ inner
        return found[np.ix_(left, left)]


def system(graph: Graph, linear: Linear, stocks: Sequence[str], time: int) -> System:
    """The linear system of the component that `stocks` belong to."""
    component = graph.component[stocks[0]]
    states = {state.name for state in graph.program.states}
    inside = [name for name in graph.variables if graph.component[name] == component]
    own = tuple(name for name in inside if name in states)
    others = tuple(name for name in inside if name not in states)
    place = {name: i for i, name in enumerate((*own, *others))}
    gains = np.zeros((len(place), len(place)))
    for link, gain in zip(graph.links, linear.gains[:, time], strict=True):
        held = link.target in graph.memories and link.target not in states
        if link.target in place and link.source in place and not held:
            gains[place[link.target], place[link.source]] += gain
    n = len(own)
    through = np.asarray(np.linalg.inv(np.eye(len(others)) - gains[n:, n:]), dtype=float)
    into, onto = gains[:n, n:] @ through, through @ gains[n:, :n]
    return System(own, others, gains[:n, :n] + gains[:n, n:] @ onto, through, into, onto)


def eigen_analysis(
    graph: Graph, linear: Linear, analysis: LoopAnalysis, partition: int, times: Sequence[int], loops: Sequence[int]
) -> EigenAnalysis:
    """Eigenvalues, weights of modes and elasticities of loops.

    Parameters
    ----------
    graph : Graph
    linear : Linear
    analysis : LoopAnalysis
    partition : int
    times : sequence of int
        Numbers of the times to look at.
    loops : sequence of int
        Numbers of loops in `analysis`, all of the partition.
    """
    stocks = analysis.partitions[partition].stocks
    systems = [system(graph, linear, stocks, time) for time in times]
    own = systems[0].stocks
    number = {link: i for i, link in enumerate(graph.links)}
    rows = [[number[link] for link in analysis.loops[i].links] for i in loops]
    gains = np.array([[linear.gains[row, time].prod() for row in rows] for time in times])
    held = [any(n in graph.memories and n not in own for n in analysis.loops[i].variables) for i in loops]
    gains[:, held] = np.nan  # what a fixed delay keeps is no stock of the linear system
    values = np.zeros((len(times), len(own)), dtype=complex)
    weights = np.zeros((len(times), len(own)))
    elastic = np.zeros((len(times), len(loops), len(own)), dtype=complex)
    place = {name: i for i, name in enumerate(graph.variables)}
    for t, (time, one) in enumerate(zip(times, systems, strict=True)):
        rates = linear.rates[[place[name] for name in own], time]
        values[t], weights[t] = modes(one.jacobian, rates)
        elastic[t] = _elasticities(one, values[t], weights[t], gains[t], [analysis.loops[i].variables for i in loops])
    return EigenAnalysis(
        times=analysis.times[list(times)],
        states=own,
        eigenvalues=values,
        weights=weights,
        loops=tuple(analysis.loops[i].id for i in loops),
        elasticities=elastic,
        influence=_influence(elastic, weights),
        gains=gains,
    )


def modes(jacobian: Array, rates: Array) -> tuple[Complex, Array]:
    """Eigenvalues, largest real part first, and the part of the stocks' change that each mode carries.

    A mode's part of a stock's change is its absolute component, relative to the sum over modes; the weight is the mean
    over the stocks that change.
    """
    found = np.linalg.eig(jacobian)
    values, right = np.asarray(found[0], dtype=complex), np.asarray(found[1], dtype=complex)
    order = np.lexsort((-np.imag(values), -np.real(values)))
    values, right = values[order], right[:, order]
    amounts = np.linalg.lstsq(right, rates.astype(complex), rcond=None)[0]
    parts = np.abs(right * amounts)
    below = parts.sum(axis=1, keepdims=True)
    moving = (np.abs(rates) > 0) & (below[:, 0] > 0)
    if not moving.any():
        return values, np.zeros(len(values))
    return values, (parts[moving] / below[moving]).mean(axis=0)


def _elasticities(
    one: System, values: Complex, weights: Array, gains: Array, loops: Sequence[tuple[str, ...]]
) -> Complex:
    """Elasticities of the eigenvalues in the gains, for the modes that carry the change; NaN where undefined."""
    made = np.full((len(loops), len(values)), np.nan, dtype=complex)
    order = np.argsort(-weights, kind="stable")
    enough = np.searchsorted(np.cumsum(weights[order]), _CARRIED * weights.sum()) + 1
    chosen = order[:enough]
    made[:, order[enough:]] = 0.0
    slope = [_logarithm(values[m] - np.delete(values, m)) for m in chosen]
    stocks = {name: i for i, name in enumerate(one.stocks)}
    others = {name: i for i, name in enumerate(one.others)}
    for i, (names, gain) in enumerate(zip(loops, gains, strict=True)):
        if not np.isfinite(gain):
            continue
        if gain == 0:
            made[i, chosen] = 0.0
            continue
        left = one.without([stocks[n] for n in names if n in stocks], [others[n] for n in names if n in others])
        roots = np.linalg.eigvals(left) if len(left) else np.empty(0)
        for m, (turn, below) in zip(chosen, slope, strict=True):
            angle, above = _logarithm(values[m] - roots)
            size = abs(values[m])
            if np.isfinite(below) and size > 0:
                made[i, m] = np.exp(above - below) * angle / turn * gain / size
    return made


def _logarithm(factors: Complex) -> tuple[complex, float]:
    """Product of complex numbers as a direction and the logarithm of its size; minus infinity where one is zero."""
    size = np.abs(factors)
    if not size.all():
        return 1.0 + 0.0j, -np.inf
    return complex(np.prod(factors / size)), float(np.log(size).sum())


def _influence(elasticities: Complex, weights: Array) -> Array:
    """Elasticities weighted over the modes, relative over the loops, with the sign of their real part."""
    weighted = np.nan_to_num(elasticities) * weights[:, None, :]
    size = np.abs(weighted).sum(axis=2)
    sign = np.sign(np.round(weighted.real.sum(axis=2), 15))
    total = size.sum(axis=1, keepdims=True)
    return np.divide(size * np.where(sign == 0, 1.0, sign), total, out=np.zeros_like(size), where=total > 0)
