"""ALLOCATE AVAILABLE against PySD, whose root finding stops at about 1e-9."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import cluster_sd as csd


@pytest.mark.parametrize("kinds", [(1, 2, 3), (3, 3, 3), (4, 4, 2)], ids=str)
def test_a_supply_is_allocated_by_priority_profiles_as_in_pysd(
    vensim: Callable[..., csd.Model], kinds: tuple[int, int, int]
) -> None:
    model = vensim(
        f"""
        D: d1, d2, d3
        P: ptype, ppriority, pwidth, pextra
        request[D] = 3, 4, 5
        profile[d1, P] = {kinds[0]}, 5, 2, 0
        profile[d2, P] = {kinds[1]}, 4.5, 2, 0
        profile[d3, P] = {kinds[2]}, 4, 1, 0
        supply = Time
        got[D] = ALLOCATE AVAILABLE(request[D], profile[D, ptype], supply)
        total = SUM(got[D!])
        """,
        stop=13,
        step=0.5,
    )
    ours, theirs = model.run_arrays(backend="numpy"), model.run_arrays(backend="pysd")
    columns = {name: i for i, name in enumerate(theirs.names)}
    for i, name in enumerate(ours.names):
        np.testing.assert_allclose(ours.values[:, i], theirs.values[:, columns[name]], atol=2e-9, err_msg=name)
    total = ours.values[:, list(ours.names).index("total")]
    np.testing.assert_allclose(total, np.minimum(ours.times, 12), atol=1e-12)
