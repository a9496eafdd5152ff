"""Diagrams of a model for a page or a folder: stock-and-flow views by sector, and a causal view of the whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from cluster_sd.diagram import Atlas, layout_of
from cluster_sd.report.diagram_svg import Words, drawn
from cluster_sd.report.diagram_whole import WholeWords, drawn_whole
from cluster_sd.report.page import Page, Section, Text, Widget

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["LANGUAGES", "Diagrams", "Drawn", "Sector", "diagram_page", "diagrams", "diagrams_in", "pictures"]


@dataclass(frozen=True)
class Texts:
    """What diagrams say in one language."""

    words: Words
    whole: WholeWords
    origins: dict[str, str]
    signs: str
    unsigned: str
    how: str
    page: tuple[str, str, str]


_EN = Texts(
    Words(),
    WholeWords(),
    {
        "groups": "Sectors are the groups of the model file.",
        "views": "The model file has no groups; sectors are the views of its sketch.",
        "communities": "The model file names no sectors; these are communities of its causal graph (greedy "
        "modularity), each called after its central variable.",
        "one": "The model is one sector.",
    },
    "Signs are those of the derivatives of each equation over the base run; an arrow without one changes its sign, or "
    "nothing passes in the base run.",
    "Arrows have no signs, because the base run can't be made: {reason}.",
    "Boxes are stocks (a shadow: an array), double lines with valves are flows, clouds are outside the model; upright "
    "names are auxiliaries, italic ones constants and tables; grey names in angle brackets are at home in another "
    "view. Blue +: more of one makes more of the other; orange −: less; grey: not known; dotted: an initial value; "
    "two bars: acts with delay. A flow without a name stands for terms of its stock's equation.",
    ("Diagrams of {name}", "How the model hangs together, as a whole and sector by sector", "The whole"),
)
_ZH = Texts(
    Words(
        unit="单位",
        equation="方程",
        net="流量:",
        about="存量流量图:存量 {stocks} 个,流量 {flows} 个,其他变量 {others} 个,来自其他板块的变量 {shadows} 个。",
        raises="正向作用",
        lowers="负向作用",
        unclear="方向不定或未知",
        late="有延迟",
        initial="给定初始值",
    ),
    WholeWords(
        title="模型全貌:{name}",
        about="板块 {sectors} 个,存量 {stocks} 个,板块间联系 {bundles} 组,命名回路 {loops} 条。",
        stock="存量 1 个",
        stocks="存量 {count} 个",
        variables="变量 {count} 个",
        links="联系 {count} 条:正 {raising},负 {lowering},不定 {unclear}",
        loops="命名回路(R 增强,B 调节)及其经过的板块",
        key="数字为板块之间的联系条数;深色:有命名回路经过;浅色:无。方向一致时标 + 或 −。",
    ),
    {
        "groups": "板块即模型文件中的分组。",
        "views": "模型文件没有分组,板块取自其草图视图。",
        "communities": "模型文件没有划分板块,此处为因果图的社区(贪婪模块度),以其中心变量命名。",
        "one": "模型只有一个板块。",
    },
    "箭头的正负号是基准运行中各方程导数的符号;没有符号的箭头方向会变,或在基准运行中不起作用。",
    "基准运行无法完成,箭头没有正负号:{reason}。",
    "方框为存量(带影为数组),带阀门的双线为流量,云为模型之外;深色为辅助变量,灰蓝色为常数和表函数;尖括号中的灰色名称属于其他视图。"
    "蓝色 +:同向;橙色 −:反向;灰色:未知;点线:给定初始值;双杠:有延迟。没有名称的流量代表存量方程中的项。",
    ("模型图:{name}", "模型的整体结构与各板块的存量流量图", "全貌"),
)
#: Texts by language.
LANGUAGES = {"en": _EN, "zh": _ZH}


@dataclass(frozen=True)
class Drawn:
    """One picture: stem of its file (small letters, digits and ``-``), title, text of the ``<svg>`` element."""

    name: str
    title: str
    svg: str


@dataclass(frozen=True)
class Sector:
    """Pictures of one sector."""

    title: str
    views: tuple[Drawn, ...]


@dataclass(frozen=True)
class Diagrams:
    """All pictures of a model.

    Attributes
    ----------
    whole : str
        Text of the ``<svg>`` element of the causal view of the whole.
    sectors : tuple of Sector
    note : str
        How sectors and signs were found.
    legend : str
        How to read the pictures.
    """

    whole: str
    sectors: tuple[Sector, ...]
    note: str
    legend: str


def diagrams(model: Model, language: str = "en", progress: Callable[[int, int], object] | None = None) -> Diagrams:
    """Draw a stock-and-flow view of each sector of a model, and the whole.

    Parameters
    ----------
    model : Model
    language : {"en", "zh"}
        ``zh`` takes names from the model's ``names_zh.csv``, where it has them.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    Diagrams
        The same model gives the same bytes.

    Raises
    ------
    ModelError
        If the model's file, or its ``loops.csv``, can't be read.
    """
    return diagrams_in(model, (language,), progress)[language]


def diagrams_in(
    model: Model, languages: Sequence[str] = ("en", "zh"), progress: Callable[[int, int], object] | None = None
) -> dict[str, Diagrams]:
    """:func:`diagrams` in some languages, by language: reading, signs and layout are done once."""
    layout = layout_of(model, progress)
    names = {"zh": dict(model.folder.names_zh)}
    return {language: pictures(layout.atlas(names.get(language)), language) for language in languages}


def pictures(atlas: Atlas, language: str = "en") -> Diagrams:
    """Draw what is laid out already."""
    texts = LANGUAGES[language]
    sectors = []
    number = 0
    for part in atlas.parts:
        views = []
        for view in part.views:
            number += 1
            svg = drawn(view, atlas.structure, texts.words, atlas.names)
            views.append(Drawn(_stem(number, view.title), view.title, svg))
        sectors.append(Sector(part.title, tuple(views)))
    signs = texts.unsigned.format(reason=atlas.signs.reason) if atlas.signs.reason else texts.signs
    note = f"{texts.origins[atlas.sectors.origin]} {signs}"
    return Diagrams(drawn_whole(atlas.overview, texts.whole), tuple(sectors), note, texts.how)


def diagram_page(made: Diagrams, name: str, language: str = "en", footer: Sequence[str] = ()) -> Page:
    """All pictures of a model on one page."""
    title, subtitle, whole = LANGUAGES[language].page
    lead = (Text(made.legend), Text(made.note, "note"))
    sections = [Section(whole, (_widget("", made.whole),))]
    for sector in made.sectors:
        alone = len(sector.views) == 1
        blocks = [_widget("" if alone else view.title, view.svg) for view in sector.views]
        sections.append(Section(sector.title, blocks))
    return Page(title.format(name=name), subtitle, lead, sections, footer, language)


def _widget(title: str, svg: str) -> Widget:
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return Widget(f'<figure>{heading}<div class="scroll">{svg}</div></figure>')


def _stem(number: int, title: str) -> str:
    """Name of a picture's file: number, and what of the title a file's name can hold."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return f"{number:02d}-{words[:60].strip('-')}".rstrip("-")
