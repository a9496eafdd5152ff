"""The whole model as SVG: sectors, how many links join them, and where the named loops run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import numpy as np

from cluster_sd.diagram.overview import TALL, WIDE, Bundle, NamedLoop, Overview, SectorNode
from cluster_sd.diagram.text import broken
from cluster_sd.report.diagram_svg import FONT, INK, LOWERS, RAISES, SOFT

__all__ = ["WholeWords", "drawn_whole"]

#: Colour of links that no named loop runs through; height of a line of the list of loops; its columns.
PALE, STEP, COLUMNS = "#c9ced4", 15.0, 2


@dataclass(frozen=True)
class WholeWords:
    """What the picture says."""

    title: str = "The whole model: {name}"
    about: str = "{sectors} sectors with {stocks} stocks, {bundles} bundles of links between them, {loops} named loops."
    stock: str = "1 stock"
    stocks: str = "{count} stocks"
    variables: str = "{count} variables"
    links: str = "{count} links: {raising} raise, {lowering} lower, {unclear} unclear"
    loops: str = "Loops with a name (R reinforcing, B balancing), and the sectors that they run through"
    key: str = (
        "Numbers: links from sector to sector. Dark: named loops run through; pale: none does. "
        "+ raises, − lowers, where all links agree."
    )


def drawn_whole(overview: Overview, words: WholeWords) -> str:
    """The picture as the text of an ``<svg>`` element."""
    title = words.title.format(name=overview.title)
    about = words.about.format(
        sectors=len(overview.sectors),
        stocks=sum(s.stocks for s in overview.sectors),
        bundles=len(overview.bundles),
        loops=len(overview.loops),
    )
    wide = round(max(overview.width, 640.0))
    below = list(_loops(overview, words, overview.height + 8, wide))
    tall = round(float(below[-1][0]) + 14)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tall}" viewBox="0 0 {wide} {tall}" '
            f'role="img" aria-label="{escape(title)}" font-family="{FONT}" text-anchor="middle" fill="{INK}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(about)}</desc>",
            f'<rect width="{wide}" height="{tall}" fill="#ffffff"/>',
            *(text for bundle in reversed(overview.bundles) for text in _bundle(overview, bundle, words)),
            *(text for sector in overview.sectors for text in _sector(overview, sector, words)),
            *(text for bundle in overview.bundles for text in _count(bundle)),
            *(text for _, text in below),
            "</svg>",
        )
    )


def _bundle(overview: Overview, bundle: Bundle, words: WholeWords) -> Iterator[str]:
    curve = bundle.curve
    wide = 0.8 + 0.9 * float(np.log2(bundle.count + 1)) if bundle.loops else 1.0
    colour = _colour(bundle)
    source, target = (overview.sectors[i].title for i in (bundle.source, bundle.target))
    counts = words.links.format(
        count=bundle.count, raising=bundle.raising, lowering=bundle.lowering, unclear=bundle.unclear
    )
    told = [f"{source} → {target}", counts, *(_named(overview.loops[n]) for n in bundle.loops)]
    head = np.array(curve.head)
    back = np.array(curve.tip) - (6.0 + wide) * head
    side = np.array([-head[1], head[0]]) * (2.6 + 0.7 * wide)
    yield f"<g><title>{escape(chr(10).join(told))}</title>"
    yield (
        f'<path d="M{_at(curve.start)} Q{_at(curve.control)} {_at(back)}" fill="none" stroke="{colour}" '
        f'stroke-width="{wide:.1f}"/>'
    )
    yield f'<path d="M{_at(curve.tip)} L{_at(back + side)} L{_at(back - side)} Z" fill="{colour}"/></g>'


def _colour(bundle: Bundle) -> str:
    if not bundle.loops:
        return PALE
    return {1: RAISES, -1: LOWERS, 0: "#4b5563"}[bundle.sign]


def _count(bundle: Bundle) -> Iterator[str]:
    """How many links, and their sign where it is one, on the middle of an arrow."""
    if not bundle.loops:
        return
    x, y = bundle.curve.middle
    mark = {1: "+", -1: "−", 0: ""}[bundle.sign]
    yield (
        f'<text x="{x:.1f}" y="{y + 4:.1f}" font-size="11" fill="{_colour(bundle)}" '
        f'paint-order="stroke" stroke="#ffffff" stroke-width="3.5" aria-hidden="true">{bundle.count}{mark}</text>'
    )


def _sector(overview: Overview, sector: SectorNode, words: WholeWords) -> Iterator[str]:
    loops = [overview.loops[n] for n in sector.loops]
    told = [sector.title, *(_named(loop) for loop in loops)]
    lines = list(sector.lines)
    tall = max(TALL, 30 + 15.0 * (len(lines) + 1))
    top = sector.y - tall / 2
    yield f"<g><title>{escape(chr(10).join(told))}</title>"
    yield (
        f'<rect x="{sector.x - WIDE / 2:.1f}" y="{top:.1f}" width="{WIDE}" height="{tall}" rx="7" fill="#fdf6e3" '
        f'stroke="{INK}" stroke-width="1.3"/>'
    )
    y = top + 17.0
    for line in lines:
        yield f'<text x="{sector.x:.1f}" y="{y:.1f}" font-size="13" font-weight="bold">{escape(line)}</text>'
        y += 15.0
    stocks = words.stock if sector.stocks == 1 else words.stocks.format(count=sector.stocks)
    counts = f"{stocks}, {words.variables.format(count=sector.variables)}"
    yield f'<text x="{sector.x:.1f}" y="{y:.1f}" font-size="11" fill="#55606b">{escape(counts)}</text>'
    if loops:
        ids = _shortened([loop.id for loop in loops])
        yield f'<text x="{sector.x:.1f}" y="{y + 14:.1f}" font-size="10.5" fill="{RAISES}">{escape(ids)}</text>'
    yield "</g>"


def _shortened(ids: list[str], most: int = 24) -> str:
    """As many ids as a line holds."""
    text = " ".join(ids)
    while len(text) > most and len(ids) > 1:
        ids = ids[:-1]
        text = " ".join(ids) + " …"
    return text


def _named(loop: NamedLoop) -> str:
    name = "" if loop.name == loop.id else f" {loop.name}"
    return f"{loop.id}{name}{f' ({loop.polarity})' if loop.polarity else ''}"


def _loops(overview: Overview, words: WholeWords, top: float, wide: float) -> Iterator[tuple[float, str]]:
    """The key and the list of loops below the picture, each text with its height."""
    yield _line(16, top, words.key, 11, SOFT)
    y = top
    if not overview.loops:
        return
    y += 24
    yield _line(16, y, words.loops, 12, INK, True)
    y += 6
    each = wide / COLUMNS
    heights = [y] * COLUMNS
    for n, loop in enumerate(overview.loops):
        column = 0 if n < (len(overview.loops) + 1) // 2 else 1
        x = 16 + column * each
        way = " → ".join(overview.sectors[i].title for i in loop.sectors)
        texts = [
            (_named(loop), 11.5, INK),
            *((line, 10.5, "#55606b") for line in broken(way, 10.5, each - 44, even=False)),
        ]
        for i, (text, size, colour) in enumerate(texts):
            heights[column] += STEP + (3 if i == 0 else -1)
            yield _line(x + (0 if i == 0 else 14), heights[column], text, size, colour)
    yield max(heights), ""


def _line(x: float, y: float, text: str, size: float, colour: str, bold: bool = False) -> tuple[float, str]:
    weight = ' font-weight="bold"' if bold else ""
    return y, (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}" text-anchor="start"{weight}>'
        f"{escape(text)}</text>"
    )


def _at(point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"
