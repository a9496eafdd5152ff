"""How figures look: one style for all, readable without colour, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from cluster_sd.report.fonts import FAMILY, path

__all__ = ["COLOURS", "DASHES", "GREY", "HATCHES", "INK", "MARKERS", "style"]

#: Colours that people with any colour vision tell apart (Okabe and Ito 2008), strongest first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999")
#: What tells series apart where there is no colour: one for each of `COLOURS`.
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "ooo", "+++")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
#: Text and lines; what stands back.
INK, GREY = "#222222", "#8A8A8A"

#: Fonts in the order of trial: that of matplotlib, then the package's own for Chinese letters.
FONTS = ("DejaVu Sans", FAMILY)

_RC: Mapping[str, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "hatch.linewidth": 0.5,
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "path",  # looks alike everywhere, whatever fonts are there
    "svg.hashsalt": "cluster_sd",  # the same figure gives the same bytes
}


@contextmanager
def style() -> Iterator[None]:
    """The style of all figures; draw and save within it."""
    import matplotlib

    _know_font()
    chosen: Any = {**_RC, "font.family": list(FONTS), "axes.prop_cycle": _cycle()}
    with matplotlib.rc_context(chosen):
        yield


@cache
def _know_font() -> None:
    """Tell matplotlib of the package's font; it has one weight, which stands for bold too."""
    from dataclasses import replace

    from matplotlib.font_manager import fontManager

    fontManager.addfont(path())
    fontManager.ttflist.append(replace(fontManager.ttflist[-1], weight=700))


def _cycle() -> Any:
    from cycler import cycler

    return cycler(color=list(COLOURS), linestyle=list(DASHES))
