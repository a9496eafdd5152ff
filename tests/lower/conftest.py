"""Models of four years in quarters, unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import cluster_sd as csd


@pytest.fixture
def vensim(vensim: Callable[..., csd.Model]) -> Callable[..., csd.Model]:
    """The common fixture, with a shorter span."""

    def make(equations: str, stop: float = 4, step: float = 0.25, **settings: Any) -> csd.Model:
        return vensim(equations, stop=stop, step=step, **settings)

    return make
