"""All views of a model, laid out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster_sd.diagram.contents import Contents, contents_of
from cluster_sd.diagram.overview import Overview, overview_of
from cluster_sd.diagram.polarity import Signs, signs_of
from cluster_sd.diagram.sectors import Sectors, parts_of, sectors_of
from cluster_sd.diagram.structure import Structure, structure_of
from cluster_sd.diagram.view import Placement, View, placement_of, view_of
from cluster_sd.model.names import clean

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["Atlas", "Layout", "Part", "diagram_of", "layout_of"]


@dataclass(frozen=True)
class Part:
    """A sector: its title, and its views."""

    title: str
    views: tuple[View, ...]


@dataclass(frozen=True)
class Atlas:
    """All pictures of a model before they are drawn.

    Attributes
    ----------
    structure : Structure
    signs : Signs
    sectors : Sectors
    names : mapping of str to str
        Names in the pictures' language, by key; those of the model file where there is none.
    parts : tuple of Part
    overview : Overview
    """

    structure: Structure
    signs: Signs
    sectors: Sectors
    names: Mapping[str, str]
    parts: tuple[Part, ...]
    overview: Overview

    @property
    def views(self) -> tuple[View, ...]:
        """All views, sector by sector."""
        return tuple(view for part in self.parts for view in part.views)


@dataclass(frozen=True)
class Layout:
    """What the pictures of a model in all languages share: structure, signs, sectors, and where everything stands."""

    model: Model
    structure: Structure
    signs: Signs
    sectors: Sectors
    parts: tuple[tuple[tuple[Contents, Placement], ...], ...]

    def atlas(self, names: Mapping[str, str] | None = None) -> Atlas:
        """The pictures with names in another language, by clean name of a variable or sector."""
        known = dict(names or {})
        titles = [known.get(clean(sector.title), sector.title) for sector in self.sectors.all]
        overview = overview_of(self.model, self.structure, self.signs.of, self.sectors, known)
        made: list[Part] = []
        taken: set[str] = set()
        for title, parts in zip(titles, self.parts, strict=True):
            views = []
            for contents, placement in parts:
                heading = _heading(title, contents, self.structure, known, len(parts) > 1, taken)
                views.append(view_of(heading, title, contents, self.structure, placement, known))
            made.append(Part(title, tuple(views)))
        return Atlas(self.structure, self.signs, self.sectors, known, tuple(made), overview)


def layout_of(model: Model, progress: Callable[[int, int], object] | None = None) -> Layout:
    """Read the structure of a model and find a place for everything in its pictures.

    Parameters
    ----------
    model : Model
    progress : callable, optional
        Called as ``progress(done, total)`` after each view.

    Raises
    ------
    ModelError
        If the model's file can't be read.
    """
    structure = structure_of(model)
    signs = signs_of(model, structure)
    sectors = sectors_of(model, structure)
    cut = [parts_of(sector, structure) for sector in sectors.all]
    total = sum(map(len, cut))
    done = 0
    made = []
    for parts in cut:
        views = []
        for keys in parts:
            contents = contents_of(keys, structure, signs.of)
            views.append((contents, placement_of(contents, structure)))
            done += 1
            if progress is not None:
                progress(done, total)
        made.append(tuple(views))
    return Layout(model, structure, signs, sectors, tuple(made))


def diagram_of(
    model: Model, names: Mapping[str, str] | None = None, progress: Callable[[int, int], object] | None = None
) -> Atlas:
    """All pictures of a model in one language, see :func:`layout_of` and :meth:`Layout.atlas`."""
    return layout_of(model, progress).atlas(names)


def _heading(
    title: str, contents: Contents, structure: Structure, names: Mapping[str, str], several: bool, taken: set[str]
) -> str:
    """Title of a view: that of its sector; of one of several, with the name of what has most links in it."""
    heading = title
    if several:
        for key in _central(contents, structure):
            heading = f"{title}: {names.get(key, structure.things[key].name)}"
            if heading not in taken:
                break
    number = 2
    while heading in taken:
        heading, number = f"{title} {number}", number + 1
    taken.add(heading)
    return heading


def _central(contents: Contents, structure: Structure) -> Sequence[str]:
    """Variables of a view: stocks first, then those with most links."""
    links = dict.fromkeys(contents.own, 0)
    ends = {pipe.key: pipe.target or pipe.source for pipe in contents.pipes if not pipe.named}
    for influence in contents.influences:
        for key in (influence.source, ends.get(influence.target, influence.target)):
            links[key] = links.get(key, 0) + 1
    for pipe in contents.pipes:
        for key in (pipe.source, pipe.target):
            links[key] = links.get(key, 0) + 2
    order = {key: i for i, key in enumerate(contents.own)}
    return sorted(order, key=lambda k: (structure.things[k].kind != "stock", -links[k], order[k]))
