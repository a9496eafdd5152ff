"""Diagrams as a browser draws them: no name on another, none outside its picture."""

from __future__ import annotations

import pytest

import cluster_sd as csd
from cluster_sd.report.diagram import diagrams_in

MEASURE = """() => {
  const svg = document.querySelector('svg'), size = svg.viewBox.baseVal;
  const texts = [...svg.querySelectorAll('g > text')].map(text => [text.textContent, text.getBBox()]);
  const meet = (a, b) => Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) > 1
    && Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y) > 3;
  const over = texts.flatMap((a, i) => texts.slice(i + 1).filter(b => meet(a[1], b[1])).map(b => [a[0], b[0]]));
  const inside = b => b.x >= 0 && b.y >= -1 && b.x + b.width <= size.width && b.y + b.height <= size.height;
  const out = texts.filter(([_, b]) => !inside(b));
  return [texts.length, over, out.map(([name]) => name)];
}"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["orange", "lead"])
def test_no_text_covers_another_and_none_leaves_its_picture(chromium, name):
    page = chromium.new_page()
    shown = 0
    for made in diagrams_in(csd.load(name)).values():
        for view in (view for sector in made.sectors for view in sector.views):
            page.set_content(f"<body style='margin: 0'>{view.svg}")
            count, over, out = page.evaluate(MEASURE)
            assert (over, out) == ([], []), view.title
            shown += count
    page.close()
    assert shown > 1500
