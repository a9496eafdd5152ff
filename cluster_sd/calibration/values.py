"""Numbers and times as yearbooks and newspapers print them: ``28.5万亩``, ``近10万``, ``35-45``, ``2012—2016年``."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

__all__ = ["MISSING", "Value", "magnitude", "parse_relation", "parse_time", "parse_value"]

#: What tables print where there is no number.
MISSING = frozenset(
    {"", "-", "--", "—", "——", "–", "…", "……", "...", "/", "na", "n/a", "#n/a", "nan", "null", "none", "无"}
)
_RELATION_WORDS = {
    "=": ("=", "等于", "equals"),
    ">=": (
        ">=",
        "=>",
        ">",
        "≥",
        "≧",
        "以上",
        "超过",
        "至少",
        "不低于",
        "不少于",
        "at least",
        "more than",
        "over",
        "above",
    ),
    "<=": (
        "<=",
        "=<",
        "<",
        "≤",
        "≦",
        "以下",
        "以内",
        "不足",
        "不超过",
        "至多",
        "at most",
        "less than",
        "under",
        "below",
    ),
    "~": ("~", "≈", "约", "大约", "近", "左右", "about", "approximately", "approx", "around", "circa"),
}
_BEFORE = {
    ">=": (
        *"超过 超出 突破 高于 大于 至少 不低于 不少于 逾 超".split(),
        "at least",
        "more than",
        "over ",
        "above ",
        ">=",
        "≥",
        "≧",
        ">",
    ),
    "<=": (
        *"不足 不到 低于 少于 小于 不超过 不高于 至多 最多".split(),
        "at most",
        "less than",
        "under ",
        "below ",
        "up to",
        "<=",
        "≤",
        "≦",
        "<",
    ),
    "~": (
        *"大约 约为 约 将近 接近 近".split(),
        "approximately",
        "approx.",
        "approx",
        "about",
        "around",
        "nearly",
        "circa",
        "ca.",
        "~",
        "≈",
    ),
}
_AFTER = {
    ">=": ("及以上", "以上", "余", "多", "有余", "+", " or more", " and over"),
    "<=": ("及以下", "以下", "以内", " or less"),
    "~": ("左右", "上下"),
}
_POWERS = {"十": 10.0, "百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8}
_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?"
_ONE = re.compile(rf"({_NUMBER})\s*([余多]?)([十百千万萬亿億]*)([余多]?)\s*(.*)", re.DOTALL)
_RANGE = re.compile(
    rf"({_NUMBER})\s*([十百千万萬亿億]*)\s*([^\d\s\-–—~～至到]*?)\s*(?:-|–|—|——|~|～|至|到|to)\s*"
    rf"({_NUMBER})\s*([十百千万萬亿億]*)\s*(.*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Value:
    """A number as printed.

    Attributes
    ----------
    low, high : float
        Its two ends; one number: twice the same.
    relation : str
    digit : float
        Unit of its last printed digit.
    unit : str
        That stood with it.
    power : str
        Chinese power of ten that stood with it.
    """

    low: float
    high: float
    relation: str
    digit: float
    unit: str
    power: str = ""


def _plain(text: str) -> str:
    """Full-width letters and signs as ASCII, blanks as one blank."""
    return " ".join(unicodedata.normalize("NFKC", text.replace("…", "...").replace("\u2212", "-")).split())


def magnitude(text: str) -> float:
    """What Chinese powers of ten multiply with: ``万`` 10,000, ``百万`` 1,000,000, nothing 1."""
    return math.prod(_POWERS[c] for c in text)


def parse_relation(text: str) -> str | None:
    """One of ``=``, ``>=``, ``<=``, ``~``; an empty text is ``=``; None for what is none.

    >>> parse_relation("以上"), parse_relation("≈"), parse_relation("perhaps")
    ('>=', '~', None)
    """
    plain = _plain(text).lower().rstrip(".")
    if not plain:
        return "="
    return next((relation for relation, words in _RELATION_WORDS.items() if plain in words), None)


def parse_value(text: str) -> Value | None:
    """Read a value.

    Returns
    -------
    Value or None
        None where the table has no number (``-``, ``…``, nothing).

    Raises
    ------
    ValueError
        With what is wrong, for a text that is neither.

    Examples
    --------
    >>> parse_value("近10万")
    Value(low=100000.0, high=100000.0, relation='~', digit=10000.0, unit='', power='万')
    >>> parse_value("1.6-1.9")
    Value(low=1.6, high=1.9, relation='=', digit=0.1, unit='', power='')
    """
    plain = _plain(text)
    if plain.lower() in MISSING:
        return None
    relation, core = _words(plain)
    found = _range(core) if relation in ("=", "~") else None
    if found is None:
        found = _single(core)
    if found is None:
        raise ValueError(
            f"'{text.strip()}' is no number; a value is a number, a range as 35-45, or one with >=, <= or ~"
        )
    low, high, digit, unit, power, more = found
    if more and relation == "<=":
        raise ValueError(f"'{text.strip()}' says both more and less")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"'{text.strip()}' is not finite")
    if low > high:
        raise ValueError(f"'{text.strip()}' is a range whose first end lies above its second")
    return Value(low, high, ">=" if more else relation, digit, unit, power)


def _words(text: str) -> tuple[str, str]:
    """The relation that words around the number say, and the text without them."""
    for relation, words in _BEFORE.items():
        for word in words:
            if text.lower().startswith(word):
                return relation, text[len(word) :].strip()
    for relation, words in _AFTER.items():
        for word in words:
            if text.lower().endswith(word):
                return relation, text[: -len(word)].strip()
    return "=", text


def _single(text: str) -> tuple[float, float, float, str, str, bool] | None:
    found = _ONE.fullmatch(text)
    if found is None:
        return None
    number, more, power, more_too, unit = found.groups()
    if unit and not _is_unit(unit):
        return None
    factor = magnitude(power)
    value = _number(number) * factor
    return value, value, _digit(number) * factor, unit.strip(), power, bool(more or more_too)


def _range(text: str) -> tuple[float, float, float, str, str, bool] | None:
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    first, power, unit, second, power_too, unit_too = found.groups()
    if second.startswith("-") or (unit and unit != unit_too) or (unit_too and not _is_unit(unit_too)):
        return None
    factor, factor_too = magnitude(power or power_too), magnitude(power_too)
    return (
        _number(first) * factor,
        _number(second) * factor_too,
        _digit(second) * factor_too,
        unit_too.strip(),
        power_too,
        False,
    )


def _is_unit(text: str) -> bool:
    """Whether the rest of a value may be a unit: it begins with a letter or ``%`` and holds no number."""
    return re.match(r"[^\W\d_]|%|‰|/", text) is not None and not re.search(r"\s\d|\d\d", text)


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _digit(text: str) -> float:
    """Unit of the last printed digit of a number: 0.1 of ``28.5``."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(f"1e{int(exponent or 0) - decimals}")  # a text: no power overflows


_YEARS = re.compile(r"(\d{4})\s*年?\s*(?:-|–|—|——|~|～|/|至|到|to)\s*(\d{4})\s*年?")
_MONTH = re.compile(
    r"(\d{4})\s*(?:-|/|年)\s*(\d{1,2})\s*月?(?:\s*(?:-|/)?\s*(\d{1,2})\s*日?)?(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?"
)
_QUARTER = re.compile(r"(\d{4})\s*年?\s*(?:q|第)?\s*([1-4一二三四])\s*(?:季度)?", re.IGNORECASE)


def parse_time(text: str) -> tuple[float, float] | None:
    """First and last time of a row, None if it is no time.

    It can be ``2018``, ``2018年``, ``2018.5``, ``2012-2016``, ``2018-06``, ``2018年6月`` or ``2018Q3``. A month or a
    quarter is its middle, as a fraction of the year. Two equal times are one time.

    >>> parse_time("2012—2016年"), parse_time("2018年"), parse_time("2018-07-02")
    ((2012.0, 2016.0), (2018.0, 2018.0), (2018.5, 2018.5))
    """
    plain = _plain(text)
    if re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)\s*(?:年度?)?", plain):
        time = float(plain.rstrip("年度 "))
        return time, time
    found = _YEARS.fullmatch(plain)
    if found and float(found[1]) < float(found[2]):
        return float(found[1]), float(found[2])
    found = _MONTH.fullmatch(plain)
    if found and 1 <= int(found[2]) <= 12:
        return _date(int(found[1]), int(found[2]), found[3])
    found = _QUARTER.fullmatch(plain) if re.search(r"[qQ季]", plain) else None
    if found:
        quarter = "一二三四".find(found[2]) + 1 or int(found[2])
        time = int(found[1]) + (quarter - 0.5) / 4
        return time, time
    return None


def _date(year: int, month: int, day: str | None) -> tuple[float, float] | None:
    """A date as a fraction of its year, to a hundredth: a month is its middle."""
    if day is None:
        time = year + (month - 0.5) / 12
    else:
        import datetime

        try:
            date = datetime.date(year, month, int(day))
        except ValueError:
            return None
        length = datetime.date(year + 1, 1, 1).toordinal() - datetime.date(year, 1, 1).toordinal()
        time = year + (date.timetuple().tm_yday - 1) / length
    time = round(time, 2)
    return time, time
