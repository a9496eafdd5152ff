"""Diagrams of a model: its stock-and-flow structure by sector, where everything stands, and Vensim's sketch of it.

:func:`diagram_of` reads a model and lays out a view for each sector and the whole; drawing is the report's.
"""

from __future__ import annotations

from cluster_sd.diagram.atlas import Atlas, Layout, Part, diagram_of, layout_of
from cluster_sd.diagram.overview import Overview
from cluster_sd.diagram.structure import Structure, structure_of
from cluster_sd.diagram.view import View

__all__ = ["Atlas", "Layout", "Overview", "Part", "Structure", "View", "diagram_of", "layout_of", "structure_of"]
