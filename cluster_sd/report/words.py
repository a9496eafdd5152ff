"""What pages say, in each language: sentences of the catalogue, names of a model's variables, numbers and units."""

from __future__ import annotations

import math
import re
import string
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from cluster_sd.errors import InputError

__all__ = ["LANGUAGES", "Language", "Words", "catalogue", "placeholders", "units"]

Language = Literal["en", "zh"]
#: Languages that all pages can have.
LANGUAGES: tuple[Language, ...] = get_args(Language)

#: Where there is no number.
NONE = "–"
#: The space between a number and its unit, where no line breaks.
TIED = "\u00a0"
#: From this size on numbers are written with 万 or 亿 in Chinese, and with million or billion in English.
STEPS: Mapping[Language, tuple[tuple[float, str], ...]] = {
    "en": ((1e9, "billion"), (1e6, "million")),
    "zh": ((1e8, "亿"), (1e4, "万")),
}
#: Units that say nothing.
BARE = ("", "dmnl", "1", "fraction")


class Words:
    r"""The words of one language.

    Parameters
    ----------
    language : {"en", "zh"}
    names : mapping of str to str
        Names of the model's variables, outcomes, scenarios ... in this language.

    Examples
    --------
    >>> Words("en").quantity(285_000, "mu"), Words("zh").quantity(285_000, "mu")
    ('285,000\xa0mu', '28.5\xa0万亩')
    """

    def __init__(self, language: Language, names: Mapping[str, str] | None = None) -> None:
        if language not in LANGUAGES:
            raise InputError(f"language '{language}' is not known; choose {' or '.join(LANGUAGES)}")
        self.language: Language = language
        self.names: Mapping[str, str] = {_key(name): said for name, said in (names or {}).items()}

    def __call__(self, key: str, **values: Any) -> str:
        """The catalogue's text under `key`, with `values` at its places.

        A number among the values is written by :meth:`number`, so a year goes through :meth:`year` first.

        Raises
        ------
        LookupError
            If there is no such text, or a place in it has no value: a fault of the program.
        """
        text = self.text(key)
        missing = placeholders(text) - set(values)
        if missing:
            raise LookupError(f"the text '{key}' has no value for {', '.join(sorted(missing))}")
        return text.format_map({name: self._plain(value) for name, value in values.items()})

    def text(self, key: str) -> str:
        """The catalogue's text under `key` with its places as they are."""
        try:
            return catalogue()[key][self.language]
        except KeyError:
            raise LookupError(f"the catalogue has no text '{key}'") from None

    def has(self, key: str) -> bool:
        """Whether the catalogue has a text under `key`."""
        return key in catalogue()

    def name(self, text: str) -> str:
        """The name of a variable, parameter, outcome ... in this language, whatever its case; else the same text.

        ``Name[element]`` is put together from the names of its parts.
        """
        if _key(text) in self.names:
            return self.names[_key(text)]
        found = re.fullmatch(r"(.+?)\s*\[(.+)\]", text)
        if found is None or _key(found[1]) not in self.names:
            return text
        elements = [self.names.get(_key(part), part.strip()) for part in found[2].split(",")]
        first = self.names[_key(found[1])]
        return f"{first}（{'，'.join(elements)}）" if self._zh else f"{first}[{', '.join(elements)}]"

    # --- numbers ------------------------------------------------------------------------------------------------------

    def number(self, value: float | None, digits: int = 3) -> str:
        r"""A number with `digits` digits that count, thousands apart; a whole number below 100,000 stays whole.

        >>> [Words("en").number(v) for v in (-1234.5, 0.012345, 12, 7_654_321, float("nan"))]
        ['−1,230', '0.0123', '12', '7.65\xa0million', '–']
        """
        text, scale = self._scaled(value, digits, whole=True)
        return f"{text}{TIED}{scale}".rstrip()

    def quantity(self, value: float | None, unit: str = "", digits: int = 3) -> str:
        """A number with its unit in words."""
        text, scale = self._scaled(value, digits, whole=not self._zh)
        if text == NONE:
            return text
        between = "" if self._zh else TIED
        return f"{text}{TIED}{between.join(word for word in (scale, self.unit(unit)) if word)}".rstrip()

    def change(self, value: float | None, unit: str = "", digits: int = 3) -> str:
        """A quantity with its sign: +12.3 yuan."""
        text = self.quantity(value, unit, digits)
        return f"+{text}" if value is not None and value > 0 else text

    def percent(self, share: float | None) -> str:
        r"""A share in per cent, with two digits where it is small; less than a hundredth of one is called so.

        >>> Words("en").percent(0.1834), Words("zh").percent(-0.0123), Words("en").percent(1e-6)
        ('18\xa0%', '−1.2%', '<0.01\xa0%')
        """
        if share is None or math.isnan(share):
            return NONE
        size = 100 * abs(share)
        if 0 < size < 0.01:
            text = "<0.01" if share > 0 else "0"
        else:
            digits = f"{size:,.0f}" if size >= 9.5 or size == 0 else f"{size:.2g}" if size >= 0.1 else f"{size:.2f}"
            text = f"{'−' if share < 0 else ''}{digits}"
        return f"{text}%" if self._zh else f"{text}{TIED}%"

    def year(self, time: float) -> str:
        """A time as a year: no comma, no fraction."""
        return NONE if math.isnan(time) else f"{math.floor(time + 1e-6)}"

    def unit(self, unit: str) -> str:
        """A unit as this language writes it: 元/户/年; nothing for what has no dimension."""
        if unit.strip().lower() in BARE:
            return ""
        if not self._zh:
            return unit
        known = units()
        if unit in known:
            return known[unit]
        text = re.sub(r"[A-Za-z][A-Za-z0-9]*", lambda found: known.get(found[0], found[0]), unit)
        return text.replace("*", "·")

    def list(self, items: Iterable[str], plain: bool = False) -> str:
        """Several things in a sentence: a, b and c; `plain`: with commas only.

        >>> Words("en").list(["a", "b", "c"]), Words("zh").list(["甲", "乙", "丙"])
        ('a, b and c', '甲、乙和丙')
        """
        all_of = [*items]
        comma, last = ("、", "和") if self._zh else (", ", " and ")
        if plain or len(all_of) < 2:
            return comma.join(all_of)
        return comma.join(all_of[:-1]) + last + all_of[-1]

    # ------------------------------------------------------------------------------------------------------------------

    @property
    def _zh(self) -> bool:
        return self.language == "zh"

    def _plain(self, value: Any) -> Any:
        return self.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    def _scaled(self, value: float | None, digits: int, whole: bool) -> tuple[str, str]:
        """A number's digits, and the word for its size."""
        if value is None or math.isnan(value):
            return NONE, ""
        sign = "−" if value < 0 else ""
        size = abs(float(value))
        if math.isinf(size):
            return f"{sign}∞", ""
        kept = size.is_integer() and size < 1e5
        size = size if kept else float(f"{size:.{digits}g}")
        for step, word in () if kept and whole else STEPS[self.language]:
            if size >= step:
                return f"{sign}{_digits(size / step, digits)}", word
        return f"{sign}{_digits(size, digits)}" if size else "0", ""


def _key(name: str) -> str:
    """The form in which names are compared: as in a model, whatever their case."""
    return name.strip().lower()


def _digits(size: float, digits: int) -> str:
    """A number of fitting size, without a power of ten where it can be had without.

    >>> _digits(28.5, 3), _digits(1230.0, 3), _digits(0.0000123, 3), _digits(7.0, 3)
    ('28.5', '1,230', '1.23e−5', '7')
    """
    if size >= 1000 or size.is_integer():
        return f"{size:,.0f}" if size < 1e15 else f"{size:.{digits}g}"
    if size >= 1e-4:
        decimals = max(digits - 1 - math.floor(math.log10(size)), 0)
        text = f"{size:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e−{abs(int(exponent))}"


def placeholders(text: str) -> set[str]:
    """Names of the places in a text of the catalogue."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All texts: key -> language -> text, of all files in ``catalogue/``."""
    texts: dict[str, Mapping[str, str]] = {}
    for file in sorted(files("cluster_sd.report").joinpath("catalogue").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml") and file.name != "units.toml":
            _gather(tomllib.loads(file.read_text(encoding="utf-8")), "", texts)
    return texts


def _gather(table: Mapping[str, Any], prefix: str, texts: dict[str, Mapping[str, str]]) -> None:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if not isinstance(value, Mapping):
            raise LookupError(f"the catalogue's '{key}' is no text: each has its {', '.join(LANGUAGES)}")
        if set(value) == set(LANGUAGES) and all(isinstance(text, str) for text in value.values()):
            if key in texts:
                raise LookupError(f"the catalogue has two texts '{key}'")
            texts[key] = value
        else:
            _gather(value, f"{key}.", texts)


@cache
def units() -> Mapping[str, str]:
    """Units in Chinese."""
    text = files("cluster_sd.report").joinpath("catalogue", "units.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["zh"]
