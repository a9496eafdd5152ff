"""Reliability classes: how far a number of each kind of source may be off, at least.

The floors are judgements, as coefficients of variation, and stand here in one table. What supports that of newspapers:
their claims of the rock-sugar orange's area and output for one year differ by 1 to 13 % (250 and 285 thousand mu for
2025; 450 and 493 thousand t for 2020). An estimated scale adds to the floor; a given scale (``observations.csv``) is
used as it is unless the floor is larger.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["APPROXIMATE", "APPROXIMATE_DATE", "CLASSES", "UNKNOWN", "Reliability", "classify"]

#: What ``~`` (about) adds, as a coefficient of variation, and for a date, in years.
APPROXIMATE, APPROXIMATE_DATE = 0.10, 0.5


@dataclass(frozen=True)
class Reliability:
    """A class of sources: its name, the least coefficient of variation, the words that say it, with commas."""

    name: str
    floor: float
    words: str


#: From the least reliable to the most; where a text has words of several, the least reliable counts.
CLASSES: tuple[Reliability, ...] = (
    Reliability("weak", 0.30, "weak, undated, forum, content farm, report mill, memoir, rumour, 论坛, 不可靠"),
    Reliability("trade page", 0.20, "trade page, web page, website, ngo, company, blog, 网页, 网站, 企业宣传"),
    Reliability("inferred", 0.15, "inferred, derived, estimate, estimated, guess, 推算, 推断, 估计, 估算"),
    Reliability("newspaper", 0.10, "newspaper, press, claim, news, 报纸, 报道, 新闻, 媒体, 宣传"),
    Reliability("trade journal", 0.10, "trade journal, association, agency, index provider, 协会, 行业"),
    Reliability("forecast", 0.08, "forecast, expected, 预计, 预测"),
    Reliability("government", 0.05, "government, gov, report, 政府, 工作报告, 部门, 农业局, 农业农村局"),
    Reliability(
        "research", 0.05, "seed, paper, journal, thesis, field data, survey, interview, 论文, 期刊, 调查, 访谈, 田野"
    ),
    Reliability(
        "official statistic",
        0.03,
        "official, statistic, statistics, yearbook, bulletin, census, 统计, 公报, 年鉴, 普查",
    ),
    Reliability("measured", 0.01, "measured, metered, weighed, 实测, 计量"),
    Reliability("made up", 0.00, "made up, made-up, synthetic, simulated, test, 虚构, 模拟"),
)
#: For a text that no class has, and for none at all: nothing is claimed, and an estimated scale decides alone.
UNKNOWN = Reliability("unknown", 0.15, "")
UNSAID = Reliability("unsaid", 0.0, "")


def classify(text: str) -> Reliability:
    """The class of a row's ``reliability``.

    >>> classify("newspaper (county claim)").name, classify("统计公报").floor, classify("").name
    ('newspaper', 0.03, 'unsaid')
    """
    plain = " ".join(text.lower().split())
    if not plain:
        return UNSAID
    return next((known for known in CLASSES if any(_says(plain, word) for word in known.words.split(", "))), UNKNOWN)


def _says(text: str, word: str) -> bool:
    """Whether a text has a word; Chinese words need no blanks around them."""
    if word.isascii():
        return re.search(rf"(?<![a-z]){re.escape(word)}(?:s|'s)?(?![a-z])", text) is not None
    return word in text
