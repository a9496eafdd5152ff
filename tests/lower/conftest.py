"""Small Vensim models, made from a few equations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cluster_sd as csd

CONTROL = """
********************************************************
	.Control
********************************************************~
		Simulation Control Parameters
	|
INITIAL TIME = {start} ~ year ~ |
FINAL TIME = {stop} ~ year ~ |
TIME STEP = {dt} ~ year ~ |
SAVEPER = {save} ~ year ~ |
\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
///---\\\\\\
"""

Make = Callable[..., csd.Model]


@pytest.fixture
def vensim(tmp_path: Path) -> Make:
    """Make a model of equations, one a line, ``name = right side``."""

    def make(equations: str, start: float = 0, stop: float = 4, dt: float = 0.25, save: str = "TIME STEP") -> csd.Model:
        lines = [line.strip() for line in equations.strip().split("\n") if line.strip()]
        body = "".join(f"{line}\n\t~\tdmnl\n\t~\t|\n" for line in lines)
        path = tmp_path / "model.mdl"
        text = "{UTF-8}\n" + body + CONTROL.format(start=start, stop=stop, dt=dt, save=save)
        path.write_text(text, encoding="utf-8")
        return csd.load(path)

    return make
