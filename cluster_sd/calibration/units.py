"""Units as yearbooks and models write them, converted by `pint`.

Chinese and English names, powers of ten before a unit (``万亩``, ``10^4 t``), Vensim's units (``kg/mu/year``,
``dmnl``). A unit that only the model has (``tie``, ``Widget``) is a dimension of its own. Counts of different things
(persons, households, firms) are different dimensions, and no currency is changed into another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cluster_sd.calibration.values import magnitude
from cluster_sd.errors import InputError, unknown

__all__ = ["Conversion", "UnitError", "Units"]


_COUNTS = frozenset(f"[{name}]" for name in "person household firm village township unit tree case times".split())


class UnitError(InputError):
    """A unit that nobody knows, or that doesn't fit; the caller adds file, row and column."""


@dataclass(frozen=True)
class Conversion:
    """How a statistic's unit becomes a model's: a factor, and what a reader should know of it (often nothing)."""

    factor: float
    remark: str = ""


#: Base dimensions and what is derived from them, in pint's language.
_DEFINITIONS = """
kilogram = [mass]
tonne = 1000 * kilogram
gram = 0.001 * kilogram
jin = 0.5 * kilogram
liang = 0.05 * kilogram
dan = 50 * kilogram
pound = 0.45359237 * kilogram
metre = [length]
kilometre = 1000 * metre
centimetre = 0.01 * metre
hectare = 10000 * metre**2
mu = 2000 / 3 * metre**2
fen = 200 / 3 * metre**2
qing = 200000 / 3 * metre**2
acre = 4046.8564224 * metre**2
litre = 0.001 * metre**3
year = [time]
month = year / 12
quarter = year / 4
week = 7 * day
day = year / 365.25
hour = day / 24
yuan = [currency]
fen_money = 0.01 * yuan
jiao = 0.1 * yuan
usd = [currency_usd]
eur = [currency_eur]
person = [person]
household = [household]
firm = [firm]
village = [village]
township = [township]
unit = [unit]
tree = [tree]
case = [case]
times = [times]
joule = [energy]
kilowatt_hour = 3600000 * joule
"""
#: Names of a unit, in any language; the first is the name in the definitions.
_NAMES = """
kilogram kg kgs kilograms kilogramme kilogrammes 公斤 千克
tonne t ton tons tonnes mt metric_ton metric_tons 吨 噸 公吨
gram g grams 克
jin catty catties 斤 市斤
liang 两 市两
dan 担 市担 quintal_cn
pound lb lbs pounds 磅
metre m meter meters metres 米
kilometre km kilometer kilometers kilometres 公里 千米
centimetre cm centimeter 厘米
hectare ha hectares hm2 公顷
mu mus mou 亩 畝 市亩
fen 分地
qing 顷
acre acres 英亩
litre l liter liters litres 升
year years yr yrs y a annum 年 年度
month months mon 月 个月
quarter quarters 季度 季
week weeks 周 星期
day days d 天 日
hour hours h hr 小时
yuan rmb cny yuans 元 圆 人民币 人民币元 元人民币
fen_money 分
jiao 角
usd dollar dollars us$ $ 美元
eur euro euros 欧元
person persons people capita head heads worker workers farmer farmers 人 人次 人口 名 口 劳动力
household households hh families family 户 农户 家庭
firm firms enterprise enterprises company companies coop coops cooperative cooperatives 家 企业 户企业 合作社
village villages 村
township townships town towns 乡镇 镇 乡
unit units piece pieces pcs 个 只 台 件 辆 套 块 座 处 条 支
tree trees plant plants 株 棵
case cases 例 起 宗
times time_count 次
joule j
kilowatt_hour kwh 千瓦时 度
"""
#: Names of pure numbers.
_NUMBERS = """
1.0 dmnl dimensionless fraction share ratio proportion index 无量纲 比例 比率 比重 指数 倍 none 无
0.01 % percent pct per_cent percentage 百分比 百分点 个百分点
0.001 ‰ 千分比
0.1 成
100.0 hundred
1000.0 thousand thousands
1e4 wan
1e6 million millions mn
1e8 yi
1e9 billion billions bn
"""
#: Units with a prefix or a power in their name.
_COMPOUND = """
kt 1000*tonne
kha 1000*hectare
公亩 100*metre**2
m2 metre**2
km2 kilometre**2
cm2 centimetre**2
m3 metre**3
平方米 metre**2
平方公里 kilometre**2
平方千米 kilometre**2
立方米 metre**3
方 metre**3
mg 0.001*gram
毫克 0.001*gram
µg 0.000001*gram
ug 0.000001*gram
mcg 0.000001*gram
微克 0.000001*gram
ml 0.001*litre
dl 0.1*litre
mwh 1000*kilowatt_hour
"""
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(\*\*|\^|[*/()])|([^\W\d](?:[^\W]|[$'’.])*|%|‰|\$))")
_POWERS_THEN = re.compile(r"([十百千万萬亿億]+)(.*)")


def _by_name(table: str) -> dict[str, str]:
    """Lines of a first word and its other names."""
    return {name: line.split()[0] for line in table.splitlines() for name in line.split()}


_KNOWN: dict[str, str] = {
    **_by_name(_NAMES),
    **{name: factor for name, factor in _by_name(_NUMBERS).items() if name != factor},
    **{line.split()[0]: f"({line.split()[1]})" for line in _COMPOUND.splitlines() if line},
}


class Units:
    """The units of a model and those of its statistics.

    Parameters
    ----------
    own : iterable of str
        Units that the model uses, as it writes them.
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._own: dict[str, str] = {}
        self._read: dict[str, Any] = {}
        for text in dict.fromkeys(own):
            for name in self._unknown_names(text):
                self._own.setdefault(name.lower(), f"own{len(self._own)}")

    @cached_property
    def _registry(self) -> Any:
        import pint

        registry: Any = pint.UnitRegistry(None)  # pyright: ignore[reportArgumentType]
        lines = [line for line in _DEFINITIONS.splitlines() if line]
        registry.load_definitions([*lines, *(f"{name} = [{name}]" for name in self._own.values())])
        return registry

    # ---- what others ask --------------------------------------------------------------------------------------------

    def conversion(self, text: str, wanted: str) -> Conversion:
        """From a statistic's unit to the model's.

        Parameters
        ----------
        text : str
            The statistic's unit.
        wanted : str
            The model's; empty where the model says none: then the number is taken as printed.

        Raises
        ------
        UnitError
            If `text` is empty where a unit is needed, is unknown, or doesn't fit.
        """
        if not wanted.strip():
            return Conversion(1.0, f"taken as printed ({text}): the model gives no unit" if text.strip() else "")
        model = self.quantity(wanted)
        if not text.strip() and not model.dimensionless:
            raise UnitError(f"is empty; the model's unit is {wanted}")
        mine = self.quantity(text)
        if mine.dimensionality == model.dimensionality:
            return Conversion(float((mine / model).to("").magnitude))
        yearly = mine / self._registry.Quantity(1, "year")
        if yearly.dimensionality == model.dimensionality:
            return Conversion(
                float((yearly / model).to("").magnitude),
                f"{text}: the amount of a year, taken as the yearly rate {wanted}",
            )
        raise UnitError(f"'{text}' doesn't fit the model's unit {wanted}{self._hint(mine, model)}")

    def quantity(self, text: str) -> Any:
        """A unit as a quantity of `pint`; an empty text is 1.

        Raises
        ------
        UnitError
            For a unit that nobody knows.
        """
        if text not in self._read:
            self._read[text] = self._quantity(text)
        return self._read[text]

    def _quantity(self, text: str) -> Any:
        try:
            expression = "".join(self._translated(text)) or "1"
            made = self._registry.Quantity(self._registry.parse_expression(expression))
            if not 0 < float(made.magnitude) < float("inf"):
                raise ValueError
            return made
        except UnitError:
            raise
        except Exception:  # pint raises its own, tokenize's and arithmetic's
            raise UnitError(
                f"'{text}' can't be read as a unit; units are written as 万亩, kg/year or yuan/kg"
            ) from None

    def dimensions(self, text: str) -> dict[str, float]:
        """Exponents of the base dimensions, ``{"[mass]": 1, "[time]": -1}``."""
        return {str(k): float(v) for k, v in dict(self.quantity(text).dimensionality).items()}

    def knows(self, text: str) -> bool:
        """Whether a unit can be read."""
        try:
            self.quantity(text)
        except UnitError:
            return False
        return True

    def counts_for(self, text: str, wanted: str) -> bool:
        """Whether a unit counts things of one kind (firms, cases) and the other is a pure number."""
        try:
            mine, model = self.dimensions(text), self.dimensions(wanted)
        except UnitError:
            return False
        return not model and len(mine) == 1 and set(mine.values()) == {1.0} and set(mine) <= _COUNTS

    def size(self, text: str) -> float:
        """How many base units a unit is: 10,000 for ``万户``."""
        return float(self.quantity(text).to_base_units().magnitude)

    # ---- from a text to an expression -------------------------------------------------------------------------------

    def _translated(self, text: str) -> Iterator[str]:
        """The pieces of a unit in the registry's names; blanks and dots between names multiply."""
        before = ""
        for number, sign, name in _tokens(text):
            if (number or name or sign == "(") and before in ("name", "number", ")"):
                yield "*"
            if number:
                yield number
            elif sign:
                yield "**" if sign in ("^", "**") else sign
            else:
                yield self._resolved(name)
            before = "number" if number else "name" if name else sign

    def _resolved(self, name: str) -> str:
        found = self._known(name)
        if found is None:
            raise UnitError(str(unknown("unit", name, [*self._own, *_KNOWN])))
        return found

    def _known(self, name: str) -> str | None:
        """The expression of one name, None if nobody knows it."""
        for key in (name, name.lower()):
            if key in self._own:
                return self._own[key]
            if key in _KNOWN:
                return _KNOWN[key]
        powers = _POWERS_THEN.fullmatch(name)
        if powers:
            rest = self._known(powers[2]) if powers[2] else "1"
            return None if rest is None else f"({magnitude(powers[1])!r}*{rest})"
        return self._own.get(name.lower().removesuffix("s"))

    def _unknown_names(self, text: str) -> list[str]:
        """Names in a model's unit that are no unit of this module: dimensions of the model's own."""
        try:
            return [name for _, _, name in _tokens(text) if name and self._known(name) is None]
        except UnitError:
            return []

    @staticmethod
    def _hint(mine: Any, model: Any) -> str:
        currencies = {"[currency]", "[currency_usd]", "[currency_eur]"}
        if currencies & set(mine.dimensionality) and currencies & set(model.dimensionality):
            if currencies & set(mine.dimensionality) != currencies & set(model.dimensionality):
                return " (no exchange rate is known here)"
        return ""


def _tokens(text: str) -> list[tuple[str, str, str]]:
    """Numbers, signs and names of a unit."""
    plain = unicodedata.normalize("NFKC", text.replace("·", "*").replace("•", "*").replace("×", "*").replace("μ", "µ"))
    plain = re.sub(r"\s*\[[^\]]*\]\s*$", "", plain.replace("μ", "µ"))  # Vensim's range after a unit
    plain = re.sub(r"每|\bper\s+(?!cent)|\bper-", "/", plain).replace("/", " / ")
    plain = re.sub(r"\bus\$", "usd ", plain, flags=re.IGNORECASE)
    plain = re.sub(r"\b(metric|per)\s+(ton|tons|cent)\b", r"\1_\2", plain, flags=re.IGNORECASE)
    out, at = [], 0
    while at < len(plain.rstrip()):
        found = _TOKEN.match(plain, at)
        if found is None:
            raise UnitError(f"'{text}' can't be read as a unit; units are written as 万亩, kg/year or yuan/kg")
        out.append((found[1] or "", found[2] or "", found[3] or ""))
        at = found.end()
    _check_powers(text, out)
    return out


def _check_powers(text: str, tokens: list[tuple[str, str, str]]) -> None:
    """Powers are small whole numbers: nobody gets to ask for 10^10^10."""
    powers = [k for k, (_, sign, _) in enumerate(tokens) if sign in ("^", "**")]
    for k in powers:
        after = tokens[k + 1 : k + 3]
        small = bool(after) and re.fullmatch(r"\d", after[0][0]) is not None
        if not small or (len(after) > 1 and after[1][1] in ("^", "**", "(")):
            raise UnitError(f"'{text}' can't be read as a unit: a power is one digit")
    if len(powers) > 4 or len(tokens) > 60:
        raise UnitError(f"'{text}' can't be read as a unit: it is too long")
