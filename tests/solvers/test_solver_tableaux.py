"""Each Runge-Kutta scheme against the order conditions (Hairer, Norsett & Wanner 1993, II.2) and against its order."""

from __future__ import annotations

import numpy as np
import pytest

from cluster_sd.solvers.tableau import FIXED_STEP


@pytest.fixture(params=sorted(FIXED_STEP))
def scheme(request):
    return FIXED_STEP[request.param]


def padded(scheme):
    stages = len(scheme.b)
    a = np.zeros((stages, stages))
    for row, weights in enumerate(scheme.a):
        assert len(weights) == row  # explicit
        a[row, :row] = weights
    return a, np.array(scheme.b), np.array(scheme.c)


def test_stages_stand_where_their_weights_put_them(scheme):
    a, _, c = padded(scheme)
    np.testing.assert_allclose(a.sum(axis=1), c)


def test_order_conditions(scheme):
    a, b, c = padded(scheme)
    conditions = {  # order: (elementary weight, 1/density)
        1: [(b.sum(), 1)],
        2: [(b @ c, 1 / 2)],
        3: [(b @ c**2, 1 / 3), (b @ a @ c, 1 / 6)],
        4: [(b @ c**3, 1 / 4), ((b * c) @ (a @ c), 1 / 8), (b @ a @ c**2, 1 / 12), (b @ a @ a @ c, 1 / 24)],
    }
    for order in range(1, scheme.order + 1):
        for weight, density in conditions[order]:
            assert weight == pytest.approx(density, abs=1e-15)
    beyond = conditions.get(scheme.order + 1, [(0.0, 1.0)])
    assert any(abs(weight - density) > 1e-3 for weight, density in beyond)  # and no higher one


def test_registry_and_rows_agree_on_names():
    assert all(name == scheme.name and scheme.source for name, scheme in FIXED_STEP.items())
