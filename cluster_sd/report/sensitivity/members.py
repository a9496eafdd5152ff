"""Which parameters of a group stand behind its index: those with which an outcome moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cluster_sd.sensitivity.study import Study

__all__ = ["Members"]

#: Members of a group that are named.
NAMED = 2
#: Rank correlations below this are taken for chance.
LEAST = 4.0


class Members:
    """The leading members of a study's groups, by rank correlation with an outcome over the study's own runs."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._scores: NDArray[np.float64] | None = None

    def of(self, group: str, outcome: int) -> tuple[str, ...]:
        """Names of the members with which the outcome moves most, strongest first; empty for a single parameter."""
        problem = self._study.sample.problem
        found = next((g for g in problem.groups if g.name == group), None)
        if found is None or found.is_single:
            return ()
        size = np.abs(self._correlations(outcome)[list(found.members)])
        order = np.argsort(-size, kind="stable")[:NAMED]
        least = LEAST / np.sqrt(len(self._study.draws[0]))
        return tuple(problem.factors[found.members[i]].name for i in order if size[i] > least)

    def label(self, group: str, outcome: int) -> str:
        """A name with its leading members, for a sentence."""
        names = self.of(group, outcome)
        return f"{group} (above all {' and '.join(names)})" if names else group

    def leading(self, outcome: int, count: int) -> tuple[str, ...]:
        """Names of the single parameters with which the outcome moves most, strongest first."""
        size = np.abs(self._correlations(outcome))
        least = LEAST / np.sqrt(len(self._study.draws[0]))
        order = np.argsort(-size, kind="stable")[:count]
        return tuple(self._study.sample.problem.factors[i].name for i in order if size[i] > least)

    def tag(self, group: str, outcome: int) -> str:
        """A name with its leading member, for an axis."""
        names = self.of(group, outcome)
        return f"{group}: {names[0]}" if names else group

    def _correlations(self, outcome: int) -> NDArray[np.float64]:
        """Rank correlation of an outcome with every factor (Spearman)."""
        rows, unit = self._study.draws
        if self._scores is None:
            self._scores = _standard(unit)
        y = self._study.outputs.values[rows, outcome]
        good = np.isfinite(y)
        if good.sum() < 3:
            return np.zeros(self._scores.shape[1])
        scores = _standard(_ranked(y[good])[:, None])[:, 0]
        return scores @ self._scores[good] / good.sum()


def _ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), dtype=float)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
