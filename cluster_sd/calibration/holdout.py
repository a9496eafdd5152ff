"""Years that are kept from the fit: ``2023-``, ``2018-2020``, ``2024``, ``-2005``, several with commas between."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from cluster_sd.errors import InputError

__all__ = ["Holdout", "parse_holdout"]

_NUMBER = r"\d+(?:\.\d+)?"
_ONE = re.compile(rf"({_NUMBER})")
_SPAN = re.compile(rf"({_NUMBER})?\s*(?:-|–|—|:)\s*({_NUMBER})?")


@dataclass(frozen=True)
class Holdout:
    """Spans of time, ends included.

    Attributes
    ----------
    text : str
        As asked.
    spans : tuple of (float, float)
    """

    text: str = ""
    spans: tuple[tuple[float, float], ...] = ()

    def holds(self, time: float) -> bool:
        """Whether a time is held out; a single year holds its months too.

        >>> parse_holdout("2023-").holds(2024.5), parse_holdout("2018-2020, 2024").holds(2021)
        (True, False)
        """
        return any(first <= time <= last for first, last in self.spans)


def parse_holdout(text: str | None) -> Holdout:
    """Read a ``--holdout``; None and an empty text hold nothing out.

    Raises
    ------
    InputError
        For what is no span of time.
    """
    if text is None or not text.strip():
        return Holdout()
    return Holdout(text.strip(), tuple(_span(part.strip(), text) for part in text.split(",")))


def _span(part: str, text: str) -> tuple[float, float]:
    one = _ONE.fullmatch(part)
    if one:
        return float(one[1]), _end(one[1])
    found = _SPAN.fullmatch(part)
    if found is None or not (found[1] or found[2]):
        raise InputError(f"--holdout {text}: '{part}' is no span of years; it can be 2023-, 2018-2020, 2024 or -2005")
    first = float(found[1]) if found[1] else -math.inf
    last = _end(found[2]) if found[2] else math.inf
    if first > last:
        raise InputError(f"--holdout {text}: {part} ends before it begins")
    return first, last


def _end(text: str) -> float:
    """The end of a span: a whole year has months, a time with a point is itself."""
    return float(text) if "." in text else math.nextafter(float(text) + 1, -math.inf)
