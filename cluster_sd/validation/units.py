"""Units as a system-dynamics model writes them: their algebra, and which names mean the same.

``kg`` and ``t`` are different units here, as in Vensim: a model that adds them is wrong. Only different names of one
unit are the same: plurals, ``year`` and ``yr``, ``dmnl`` and ``fraction``, and what the model file itself declares to
be equivalent (Vensim's unit equivalents, XMILE's aliases).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["DIMENSIONLESS", "Unit", "UnitTextError", "Units", "declared_equivalents"]


class UnitTextError(ValueError):
    """A text that is no unit."""


@dataclass(frozen=True)
class Unit:
    """A product of powers of named units.

    Attributes
    ----------
    powers : tuple of (str, Fraction)
        Sorted by name; no power is nought.
    """

    powers: tuple[tuple[str, Fraction], ...] = ()

    @classmethod
    def of(cls, powers: Mapping[str, Fraction]) -> Unit:
        """The unit with these powers."""
        return cls(tuple(sorted((name, power) for name, power in powers.items() if power)))

    def times(self, other: Unit, power: Fraction | int = 1) -> Unit:
        """``self * other ** power``."""
        total = dict(self.powers)
        for name, exponent in other.powers:
            total[name] = total.get(name, Fraction(0)) + exponent * power
        return Unit.of(total)

    def __mul__(self, other: Unit) -> Unit:
        return self.times(other)

    def __truediv__(self, other: Unit) -> Unit:
        return self.times(other, -1)

    def __pow__(self, power: Fraction | int) -> Unit:
        return Unit().times(self, power)

    def __str__(self) -> str:
        above = [_power(name, power) for name, power in self.powers if power > 0]
        below = [_power(name, -power) for name, power in self.powers if power < 0]
        if not above and not below:
            return "dmnl"
        return "/".join(["*".join(above) or "1", *below])


def _power(name: str, power: Fraction) -> str:
    if power == 1:
        return name
    return f"{name}^{power}" if power.denominator == 1 else f"{name}^({power})"


DIMENSIONLESS = Unit()

#: Names of one unit, a line each; the first is how it is shown. Plurals need no line.
_SAME = """
dmnl dimensionless unitless nondimensional fraction 1 none 无量纲
year yr yrs y a annum 年
month mo mon 月
week wk 周
day d 天 日
hour hr h 小时
minute min
second sec s
person people persons 人
household hh 户
kg kilogram kilogramme 公斤 千克
t ton tonne 吨
mu 亩
yuan rmb cny 元
ha hectare 公顷
usd dollar $ us$ 美元
"""
_TOKEN = re.compile(r"\*\*|[*/^()·×]|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?=[\s*/^()]|$)|[^\s*/^()·×][^*/^()·×]*")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Units:
    """Reads units, knowing which names are the same.

    Parameters
    ----------
    groups : iterable of sequences of str, optional
        Names that the model declares to be one unit; they come before the package's own.
    derived : mapping of str to str, optional
        Names that stand for a product, ``{"models_per_year": "model/year"}``.
    """

    groups: Iterable[Iterable[str]] = ()
    derived: Mapping[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _products: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for line in _SAME.split("\n"):
            for name in (words := line.split()):
                self._names[_plain(name)] = words[0]
        for group in self.groups:
            names = [name for name in map(_plain, group) if name]
            known = next((self._names[name] for name in names if name in self._names), None)
            for name in names:
                self._names[name] = known or names[0]
        self._products.update({_plain(name): text for name, text in self.derived.items()})

    def read(self, text: str) -> Unit:
        """The unit that a text says; a text without anything is dimensionless.

        Raises
        ------
        UnitTextError
            Where parentheses or operators don't fit.

        Examples
        --------
        >>> str(Units().read("Yuan / (households*yr)"))
        'yuan/household/year'
        >>> Units().read("persons") == Units().read("people"), Units().read("kg") == Units().read("t")
        (True, False)
        """
        return self._read(text, ())

    def _read(self, text: str, inside: tuple[str, ...]) -> Unit:
        tokens = [t.strip() for t in _TOKEN.findall(re.sub(r"\s+per\s+", "/", text.strip(), flags=re.IGNORECASE))]
        tokens = ["^" if t == "**" else "*" if t in "·×" else t for t in tokens if t]
        if not tokens:
            return DIMENSIONLESS
        unit, rest = self._product(tokens, inside)
        if rest:
            raise UnitTextError(f"can't read the unit '{text}' at '{''.join(rest)}'")
        return unit

    def _product(self, tokens: list[str], inside: tuple[str, ...]) -> tuple[Unit, list[str]]:
        unit, rest = self._factor(tokens, inside)
        while rest and rest[0] != ")":
            sign = -1 if rest[0] == "/" else 1
            other, rest = self._factor(rest[1:] if rest[0] in "*/" else rest, inside)
            unit = unit.times(other, sign)
        return unit, rest

    def _factor(self, tokens: list[str], inside: tuple[str, ...]) -> tuple[Unit, list[str]]:
        if not tokens or tokens[0] in ("*", "/", "^", ")"):
            raise UnitTextError(f"a unit's name is missing before '{tokens[0] if tokens else 'its end'}'")
        head, *rest = tokens
        if head == "(":
            unit, rest = self._product(rest, inside)
            if not rest:
                raise UnitTextError("a ')' is missing in the unit")
            rest = rest[1:]
        else:
            unit = self._base(head, inside)
        if rest and rest[0] == "^":
            if len(rest) < 2 or not _NUMBER.fullmatch(rest[1]):
                raise UnitTextError("a power in the unit is no number")
            unit, rest = unit ** Fraction(rest[1]), rest[2:]
        return unit, rest

    def _base(self, name: str, inside: tuple[str, ...]) -> Unit:
        plain = _plain(name)
        if plain in self._products and plain not in inside:
            return self._read(self._products[plain], (*inside, plain))
        known = next((self._names[form] for form in _forms(plain) if form in self._names), _forms(plain)[-1])
        return DIMENSIONLESS if known == "dmnl" else Unit(((known, Fraction(1)),))


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name.strip().strip('"')).strip().lower()


def _forms(name: str) -> list[str]:
    """A name and its singular."""
    if name.endswith("ies") and len(name) > 4:
        return [name, name[:-3] + "y"]
    if re.search(r"(s|x|ch|sh)es$", name) and len(name) > 4:
        return [name, name[:-1], name[:-2]]
    if name.endswith("s") and not name.endswith("ss") and len(name) > 2:
        return [name, name[:-1]]
    return [name]


def declared_equivalents(text: str, kind: str) -> tuple[tuple[tuple[str, ...], ...], dict[str, str]]:
    """What a model file says of units: names that are the same, and names that stand for a product.

    Parameters
    ----------
    text : str
        The model file.
    kind : {"vensim", "xmile"}
    """
    if kind == "vensim":
        settings = text.rpartition("///---")[2] if "///---" in text else ""
        groups = [line.split(",") for line in re.findall(r"^22:([^\r\n]*)", settings, flags=re.MULTILINE)]
        return tuple(tuple(group) for group in groups), {}
    found, derived = [], {}
    for name, inside in re.findall(r'<unit\b[^>]*\bname="([^"]*)"[^>/]*>(.*?)</unit>', text, flags=re.DOTALL):
        aliases = re.findall(r"<alias>(.*?)</alias>", inside, flags=re.DOTALL)
        names = tuple(html.unescape(one) for one in (name, *aliases))
        found.append(names)
        product = re.search(r"<eqn>(.*?)</eqn>", inside, flags=re.DOTALL)
        if product and product[1].strip() not in ("", "1"):
            derived |= dict.fromkeys(names, html.unescape(product[1]))
    return tuple(found), derived
