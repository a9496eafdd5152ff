"""Inputs that go together: a table of correlations, and a Gaussian copula that carries them.

A copula leaves the distribution of every parameter as it is and says how they go together: each parameter is a normal
score, pushed through the normal distribution function and then through its own quantiles; the scores are jointly normal
with the table's correlations (Nelsen 2006, *An introduction to copulas*, section 2.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster_sd.errors import InputError
from cluster_sd.model.rows import read_rows
from cluster_sd.sensitivity.problem import Problem

__all__ = ["Correlation", "Pair", "correlation_of", "fitted", "read_correlations"]

Floats = NDArray[np.float64]

#: Least eigenvalue that a table of correlations may have; below, some parameter is a function of the others.
LEAST = 1e-8
#: Scores are kept within these bounds, so that a coordinate of exactly 0 or 1 stays finite.
_EDGE = 2.0**-53


class Pair(NamedTuple):
    """One row of a table of correlations."""

    a: str
    b: str
    rho: float


@dataclass(frozen=True, eq=False)
class Correlation:
    """A Gaussian copula over some of a problem's factors; the others are independent of them and of each other.

    Attributes
    ----------
    members : tuple of int
        Places of the correlated factors in `Problem.factors`, increasing.
    matrix : array, shape (member, member)
        Correlations of their normal scores; positive definite.
    """

    members: tuple[int, ...]
    matrix: Floats

    @property
    def any(self) -> bool:
        """Whether anything is correlated."""
        return bool(self.members)

    def factor(self, order: NDArray[np.intp]) -> Floats:
        """How scores in given orders come from innovations, one matrix for each order.

        Parameters
        ----------
        order : (case, member) array of int
            Rows of permutations: ``order[c, k]`` is the position in `members` of whatever comes k-th in case c.

        Returns
        -------
        (case, member, member) array
            Lower triangular in the order given: the k-th score is made of the first k innovations, so that innovations
            from k on, drawn anew, draw the k-th and later scores from their distribution given those before
            (Rosenblatt 1952).
        """
        return np.asarray(np.linalg.cholesky(self.matrix[order[:, :, None], order[:, None, :]]), dtype=np.float64)

    def join(self, unit: Floats, order: NDArray[np.intp] | None = None) -> Floats:
        """Points of the unit cube that go together, made of points whose coordinates don't.

        Parameters
        ----------
        unit : (row, factor) or (case, row, factor) array
            Independent coordinates; those of `members` are the innovations.
        order : (case, member) array of int, optional
            See :meth:`factor`; default: members as they come.

        Returns
        -------
        array, shape as `unit`
        """
        if not self.members:
            return unit
        from scipy.special import ndtr, ndtri

        order = np.arange(len(self.members))[None, :] if order is None else order
        cases = unit.reshape(len(order), -1, unit.shape[-1])
        places = np.asarray(self.members)[order][:, None, :]  # the factor that comes k-th in each case
        innovations = ndtri(np.clip(np.take_along_axis(cases, places, axis=2), _EDGE, 1 - _EDGE))
        scores = innovations @ self.factor(order).transpose(0, 2, 1)
        joined = cases.copy()
        np.put_along_axis(joined, places, ndtr(scores), axis=2)
        return joined.reshape(unit.shape)


def read_correlations(path: Path, problem: Problem) -> Correlation:
    """Read a table of correlations: a CSV file with the columns ``a, b, rho`` (and ``note``), a row a pair.

    Raises
    ------
    InputError
        Naming file and row: a parameter that doesn't vary, a number outside -1 to 1, a pair twice; or numbers that
        contradict each other.
    """
    pairs = []
    for row in read_rows(path, ("a", "b", "rho", "note"), ("a", "b", "rho")):
        rho = row.number("rho")
        if rho is None:
            raise row.error("column 'rho' is empty")
        pairs.append(Pair(row.text("a", needed=True), row.text("b", needed=True), rho))
    return correlation_of(problem, pairs, str(path))


def correlation_of(problem: Problem, pairs: Iterable[Pair | tuple[str, str, float]], where: str = "") -> Correlation:
    """The copula of some correlated pairs.

    Parameters
    ----------
    problem : Problem
    pairs : iterable of (a, b, rho)
        Names of two factors and the correlation of their normal scores; that of two normal factors is their own. All
        other pairs are uncorrelated.
    where : str
        Where they come from, for messages.

    Raises
    ------
    InputError
        For a name that doesn't vary, a factor with itself, a pair twice, a number that is no correlation, and for
        numbers that contradict each other (no distribution has them all at once).
    """
    at = f"{where}: " if where else ""
    found: dict[tuple[int, int], float] = {}
    for a, b, rho in pairs:
        i, j = sorted((problem.find(a), problem.find(b)))
        if i == j:
            raise InputError(f"{at}'{a}' is correlated with itself; a pair needs two parameters")
        if (i, j) in found:
            raise InputError(f"{at}the pair '{a}' and '{b}' stands twice")
        if not -1 < rho < 1:
            raise InputError(
                f"{at}the correlation of '{a}' and '{b}' is {rho:.10g}; it must lie between -1 and 1, ends excluded"
            )
        found[i, j] = float(rho)
    members = sorted({i for pair, rho in found.items() if rho for i in pair})
    matrix = np.eye(len(members))
    for (i, j), rho in found.items():
        if rho:
            k, m = members.index(i), members.index(j)
            matrix[k, m] = matrix[m, k] = rho
    _check_definite(matrix, [problem.factors[i].name for i in members], at)
    return Correlation(tuple(members), matrix)


def fitted(values: Floats, members: Sequence[int] | None = None) -> Correlation:
    """The copula that a sample shows, as draws of a posterior: the correlations of the normal scores of its ranks.

    Parameters
    ----------
    values : (draw, factor) array
    members : sequence of int, optional
        Factors to be correlated; default: all.

    Raises
    ------
    InputError
        Where there are too few draws, or a column is a function of the others.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    chosen = tuple(range(values.shape[1])) if members is None else tuple(members)
    if len(values) < 2 * len(chosen) + 2:
        raise InputError(f"{len(values)} draws are too few for the correlations of {len(chosen)} parameters")
    scores = ndtri((rankdata(values[:, list(chosen)], axis=0) - 0.5) / len(values))
    matrix = np.atleast_2d(np.corrcoef(scores, rowvar=False))
    _check_definite(matrix, [str(i) for i in chosen], "")
    return Correlation(chosen, matrix)


def pairs_of(problem: Problem, correlation: Correlation) -> tuple[tuple[str, str, float], ...]:
    """The correlated pairs of a copula, by name: what `correlation_of` makes it from."""
    names = [problem.factors[i].column for i in correlation.members]
    places = zip(*np.nonzero(np.triu(correlation.matrix, 1)), strict=True)
    return tuple((names[i], names[j], float(correlation.matrix[i, j])) for i, j in places)


def as_correlation(problem: Problem, given: Any) -> Correlation:
    """A copula from what a user has: a Correlation, pairs, a file, or nothing."""
    if given is None:
        return Correlation((), np.empty((0, 0)))
    if isinstance(given, Correlation):
        return given
    if isinstance(given, str | Path):
        return read_correlations(Path(given), problem)
    return correlation_of(problem, given)


def _check_definite(matrix: Floats, names: Sequence[str], at: str) -> None:
    if not len(matrix):
        return
    values, vectors = np.linalg.eigh(matrix)
    if values[0] > LEAST:
        return
    blamed = [names[int(i)] for i in np.argsort(-np.abs(vectors[:, 0]))[:3] if abs(vectors[i, 0]) > 0.1]
    share = 0.99 / (1 - values[0])  # 1 + t (eigenvalue - 1) > 0 for the whole table, off its diagonal, times t
    raise InputError(
        f"{at}the correlations contradict each other, most of all those of {', '.join(blamed)}: no distribution has "
        f"them all (least eigenvalue {values[0]:.3g}); they would fit if all were multiplied by {share:.2f}"
    )
