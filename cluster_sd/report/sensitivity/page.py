"""The page of a sensitivity analysis: the answer first, then outcomes, time, decisions, and how sure all this is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.report.figures import Figure, Table
from cluster_sd.report.page import Block, Bullets, FigureBlock, Page, Section, TableBlock, Text
from cluster_sd.report.sensitivity import decisions, figures
from cluster_sd.report.sensitivity.members import Members
from cluster_sd.report.sensitivity.words import (
    SHARES,
    Headline,
    headline,
    lever_names,
    percent,
    quantity,
    said,
    step_column,
    step_words,
)

if TYPE_CHECKING:
    from cluster_sd.sensitivity.study import Study

__all__ = ["Report", "report"]

#: Outcomes that are told of in words and in figures of their own; all others stand in tables and in the heat map.
HEADLINES = 3
#: Parameters of a scatter.
SCATTERED = 3
#: Courses over time that are drawn.
COURSES = 6
#: Rows of the heat map.
MOST_ROWS = 40
#: Lines of a figure of growing samples.
LINES = 6
#: Failed units of a design from which on it can be told where they lie.
FEWEST_FAILED = 5
#: An index and the ends of its interval.
ENDS = ("value", "low", "high")
#: Parameters that are told of where it goes badly, and the column that is empty where there is no range to tell.
WORST_ROWS, INSIDE = 8, 8


@dataclass(frozen=True)
class Report:
    """A page and all figures of an analysis, those on the page and others."""

    page: Page
    figures: tuple[Figure, ...]


def report(study: Study, command: str = "", footer: Sequence[str] = ()) -> Report:
    """The page of an analysis.

    Parameters
    ----------
    study : Study
    command : str
        The command that makes it again.
    footer : sequence of str
        Versions, hashes, time taken.
    """
    numbers = [one for one in study.asked if not one.measure.is_series] or list(study.asked)
    heads = [headline(study, one) for one in numbers]
    members = Members(study)
    sections = [
        _most(study, heads[:HEADLINES], members),
        _every(study, heads, members) if len(heads) > 1 else None,
        _time(study, heads, members),
        _steps(study, heads[:HEADLINES]),
        _mechanisms(study, heads[:HEADLINES]),
        _badly(study),
        _sure(study, heads[0]),
        _repeat(study, command),
    ]
    kept = [section for section in sections if section is not None]
    page = Page(
        title=f"{study.model}: what matters most",
        subtitle=_question(study, len(numbers)),
        lead=_lead(study, heads, members),
        sections=kept,
        footer=list(footer),
    )
    drawn = [b.figure for section in kept for b in section.blocks if isinstance(b, FigureBlock)]
    return Report(page, tuple(drawn))


def _question(study: Study, outcomes: int) -> str:
    indices = study.indices
    where = f", scenario '{study.scenario}'" if study.scenario else ""
    levers = len(lever_names(indices))
    others = len(indices.problem.factors) - levers
    what = f"{levers} levers and {others} uncertain parameters" if levers and others else f"{levers} levers"
    what = what if levers else f"{others} parameters"
    return (
        f"Which of {what} decide {outcomes} outcome{'s' if outcomes > 1 else ''}, and how sure is that? "
        f"{study.runs:,} runs{where}."
    )


def _lead(study: Study, heads: Sequence[Headline], members: Members) -> list[Block]:
    blocks: list[Block] = [Text(said(study, heads[0], members), "lead")]
    step = step_words(study, heads[0])
    if step:
        blocks.append(Text(step))
    more = [said(study, found, members) for found in heads[1:HEADLINES]]
    if more:
        blocks.append(Bullets(more))
    failed = f" {study.failed:,} of {study.runs:,} runs failed." if study.failed else " No run failed."
    blocks.append(
        Text(
            "An index tells how much of an outcome's spread over the ranges of all parameters comes from one of them, "
            "so it depends on how wide the ranges are; what one feasible step does doesn't." + failed,
            "note",
        )
    )
    return blocks


def _most(study: Study, heads: Sequence[Headline], members: Members) -> Section | None:
    blocks: list[Block] = []
    for found in heads:
        if found.reason:
            continue
        asked, key = found.asked, figures.slug(found.asked.title)
        blocks.append(Text(f"{asked.title}: {asked.description}." if asked.description else asked.title))
        blocks += [FigureBlock(figure) for figure in _bars(study, found, key, members)]
        if "sigma" in study.indices.estimates:
            plane = figures.morris_plane(
                study.indices, found.outcome, f"{asked.title}: size and spread", f"morris-{key}"
            )
            blocks.append(FigureBlock(plane))
        scatter = _scatter(study, found, members)
        if scatter is not None:
            blocks.append(FigureBlock(scatter))
    return Section("What matters most", blocks) if blocks else None


def _bars(study: Study, found: Headline, key: str, members: Members) -> list[Figure]:
    """The ranking: of the levers on a scale of their own, and of everything."""
    indices, title = study.indices, found.asked.title
    levers = lever_names(indices)
    made = []
    if len(levers) > 1:
        made.append(figures.bars(indices, found.outcome, f"{title}: the levers", f"levers-{key}", levers))
    if len(levers) != len(indices.main.names) or not made:
        tags = {name: members.tag(name, found.outcome) for name in indices.main.names}
        title = f"{title}: everything that varies"
        made.append(figures.bars(indices, found.outcome, title, f"bars-{key}", tags=tags))
    return made


def _scatter(study: Study, found: Headline, members: Members) -> Figure | None:
    """The outcome against the parameters with which it moves most, the leading lever among them."""
    factors = study.indices.problem.factors
    place = {factor.name: i for i, factor in enumerate(factors)}
    names = [p.name for p in found.first if p.counts and p.name in place][: 1 if found.are_levers else SCATTERED]
    names = [*dict.fromkeys([*members.leading(found.outcome, SCATTERED), *names])]
    names = names if len(names) <= SCATTERED else [*names[: SCATTERED - 1], names[-1]]
    if not names:
        return None
    rows, unit_rows = study.draws
    values = study.indices.problem.physical(unit_rows)
    unit = f" [{found.asked.unit}]" if found.asked.unit not in ("", "dmnl") else ""
    return figures.conditional_means(
        [values[:, place[name]] for name in names],
        study.outputs.values[rows, found.outcome],
        names,
        [factors[place[name]].unit for name in names],
        found.asked.title + unit,
        f"{found.asked.title}: how it follows what it moves with",
        f"scatter-{figures.slug(found.asked.title)}",
    )


def _every(study: Study, heads: Sequence[Headline], members: Members) -> Section:
    kind = study.indices.ranked
    are_levers = any(h.are_levers for h in heads)
    rows: dict[str, list[Any]] = {"outcome": [], "first": [], "second": [], "third": [], "these three, %": []}
    if are_levers:
        rows["leads among the uncertain"] = []
    for found in heads:
        rows["outcome"].append(found.asked.title)
        cells = [f"{p.name} ({_short(kind, p.value)})" if p.counts else "–" for p in found.first]
        for i, place in enumerate(("first", "second", "third")):
            rows[place].append(found.reason if found.reason and i == 0 else (cells[i] if i < len(cells) else "–"))
        rows["these three, %"].append(round(100 * found.probability, 1))
        if are_levers:
            rows["leads among the uncertain"].append(_other(found, members, kind))
    what = "levers" if are_levers else "parameters"
    share = ", as a share of the variance" if kind in SHARES else ""
    caption = (
        f"The first three {what} of each outcome by {figures.sign(kind)}{share}, and the probability that these are "
        "the right three."
    )
    table = TableBlock(caption, _columns(rows), "outcomes", fold=60)
    return Section("Every outcome", [table, FigureBlock(_heat(study, heads))])


def _other(found: Headline, members: Members, kind: str) -> str:
    if found.other is None or found.reason:
        return "–"
    names = members.of(found.other.name, found.outcome)
    return f"{found.other.name} ({_short(kind, found.other.value)}{': ' + ', '.join(names) if names else ''})"


def _columns(rows: dict[str, list[Any]]) -> Table:
    return {
        name: np.array(cells, dtype=object) if name != "these three, %" else np.array(cells, float)
        for name, cells in rows.items()
    }


def _short(kind: str, value: float) -> str:
    return f"{percent(value)} %" if kind in SHARES else quantity(value)


def _heat(study: Study, heads: Sequence[Headline]) -> Figure:
    """Levers (or all names) by outcomes: the index as a share of what all names have in the outcome."""
    indices = study.indices
    levers = lever_names(indices)
    names = levers if len(levers) > 1 else list(indices.main.names)
    places = [indices.main.names.index(name) for name in names]
    columns = [h for h in heads if not h.reason]
    table = np.abs(indices.main.value[np.ix_(places, [h.outcome for h in columns])])
    if indices.ranked not in SHARES:
        table = table / np.nansum(np.abs(indices.main.value[:, [h.outcome for h in columns]]), axis=0)
    order = np.argsort(-np.nanmax(np.where(np.isfinite(table), table, 0), axis=1), kind="stable")[:MOST_ROWS]
    share = "variance" if indices.ranked in SHARES else f"the sum of {figures.sign(indices.ranked)}"
    return figures.heat_map(
        table[order],
        [names[i] for i in order],
        [h.asked.title for h in columns],
        f"{'Levers' if names is levers else 'Parameters'} and outcomes",
        "heat-map",
        f"{figures.sign(indices.ranked)} in per cent of {share} of each outcome; below half a per cent: empty.",
        f"{figures.sign(indices.ranked)}, share of {share}",
    )


def _time(study: Study, heads: Sequence[Headline], members: Members) -> Section | None:
    courses = [one for one in study.asked if one.measure.is_series]
    first = [h.asked.variable for h in heads]
    courses.sort(key=lambda one: first.index(one.text) if one.text in first else len(first))
    blocks: list[Block] = []
    for one in courses[:COURSES]:
        last = study.indices.outcome(one.text, float(one.times[-1]))
        tags = {name: members.tag(name, last) for name in study.indices.problem.names}
        made = figures.over_time(
            study.indices, one.text, f"{one.text} over time", f"time-{figures.slug(one.text)}", tags
        )
        if made is not None:
            blocks.append(FigureBlock(made))
    if not blocks:
        return None
    told = f" {len(courses) - len(blocks)} more courses are in indices.csv." if len(courses) > len(blocks) else ""
    return Section("Over time", [Text("What decides an outcome changes over the years." + told), *blocks])


def _steps(study: Study, heads: Sequence[Headline]) -> Section | None:
    steps = study.steps
    if steps is None:
        return None
    blocks: list[Block] = [
        Text(
            "An index depends on how wide a range is; a decision doesn't. Here one lever at a time moves by what "
            "somebody could decide within a year, and all else stays as it is, in every one of the uncertain worlds."
        )
    ]
    for found in heads:
        column = step_column(study, found.asked)
        if column is None:
            continue
        asked, key = found.asked, figures.slug(found.asked.title)
        blocks.append(
            FigureBlock(decisions.step_effects(steps, column, f"{asked.title}: one step", asked.unit, f"steps-{key}"))
        )
        dear = decisions.per_yuan(steps, column, f"{asked.title}: for a million yuan", asked.unit, f"per-yuan-{key}")
        if dear is not None:
            blocks.append(FigureBlock(dear))
    return Section("What one step does", blocks) if len(blocks) > 1 else None


def _mechanisms(study: Study, heads: Sequence[Headline]) -> Section | None:
    experiment = study.experiment
    if experiment is None:
        return None
    blocks: list[Block] = [Text(f"Each of {len(experiment.mechanisms)} mechanisms off and on, in all combinations.")]
    for found in heads:
        column = next((i for i, o in enumerate(experiment.outcomes) if o.measure == found.asked.text), None)
        if column is None:
            continue
        asked, key = found.asked, figures.slug(found.asked.title)
        for make, name in ((decisions.mechanism_cells, "cells"), (decisions.mechanism_effects, "mechanisms")):
            title = f"{asked.title}: {'every combination' if name == 'cells' else 'what each mechanism adds'}"
            blocks.append(FigureBlock(make(experiment, column, title, asked.unit, f"{name}-{key}")))
    return Section("Mechanisms together", blocks)


def _badly(study: Study) -> Section | None:
    """What sets the worst fifth of the runs apart."""
    blocks: list[Block] = []
    for found in study.regional:
        rows = [row for row in found.rows() if row[INSIDE] == row[INSIDE]][:WORST_ROWS]
        if found.reason or not rows:
            continue
        columns = list(zip(*rows, strict=True))
        title = next((a.title for a in study.asked if found.condition.endswith(f" of {a.text}")), found.condition)
        blocks.append(
            TableBlock(
                f"{title}: the range of each parameter in which the worst fifth of the runs gather, and the share of "
                f"bad runs in it and beyond it, counted on runs that did not choose it ({found.runs:,} runs).",
                {
                    "parameter": np.array(columns[3], dtype=object),
                    "from": np.array(columns[6]),
                    "to": np.array(columns[7]),
                    "bad in it": np.array([f"{percent(x)} %" for x in columns[8]], dtype=object),
                    "bad beyond it": np.array([f"{percent(x)} %" for x in columns[11]], dtype=object),
                    "p": np.array(columns[5]),
                },
                f"worst-{figures.slug(title)}",
            )
        )
    return Section("When it goes badly", blocks) if blocks else None


def _sure(study: Study, found: Headline) -> Section:
    indices = study.indices
    blocks: list[Block] = []
    if not found.reason:
        title = f"{found.asked.title}: which places are settled"
        name = f"ranks-{figures.slug(found.asked.title)}"
        ranking = indices.levers or indices.main
        blocks.append(FigureBlock(figures.ranks(ranking, found.outcome, title, name, indices.ranked, indices.level)))
    blocks += _convergence(study, found)
    blocks += _failures(study)
    if study.notes:
        blocks.append(Bullets([note[0].upper() + note[1:] + "." * (not note.endswith(".")) for note in study.notes]))
    return Section("How sure this is", blocks)


def _failures(study: Study) -> list[Block]:
    """How many runs failed, and, where there are enough of them to tell, for which values."""
    failures = study.indices.failures
    if not failures.failed:
        return []
    told = ", ".join(f"{name} ({count:,})" for name, count in failures.variables[:5])
    text = (
        f"{failures.failed:,} of {failures.runs:,} runs failed ({percent(failures.share)} %). First not finite: "
        f"{told}; {failures.dropped:,} units of the design (base points, trajectories) were left out, whole or in part."
    )
    rows = failures.where[:WORST_ROWS]
    if failures.dropped < FEWEST_FAILED or not rows:
        return [Text(text + " They are too few to tell where in the ranges runs fail.")]
    table = {
        "parameter": np.array([r.parameter for r in rows], dtype=object),
        "from": np.array([r.low for r in rows]),
        "to": np.array([r.high for r in rows]),
        "fail here": np.array([f"{percent(r.share)} %" for r in rows], dtype=object),
        "fail elsewhere": np.array([f"{percent(r.share_elsewhere)} %" for r in rows], dtype=object),
        "p": np.array([r.p_value for r in rows]),
    }
    caption = "Where runs fail: the third of a parameter's range in which most fail"
    return [Text(text), TableBlock(caption, table, "failures")]


def _convergence(study: Study, found: Headline) -> list[Block]:
    """The leading names over growing samples, and for the first outcomes whether the ranking is settled."""
    grown = study.convergence
    if grown is None:
        return []
    blocks: list[Block] = []
    if not found.reason and found.outcome in grown.columns:
        column = grown.columns.index(found.outcome)
        names = grown.estimates[-1].names
        shown = lever_names(study.indices) if found.are_levers else names
        last: Any = np.abs(grown.estimates[-1].value[:, column])
        led = sorted((names.index(n) for n in shown if np.isfinite(last[names.index(n)])), key=lambda i: -last[i])[
            :LINES
        ]
        value, low, high = (np.array([getattr(e, a)[led, column] for e in grown.estimates]) for a in ENDS)
        blocks.append(
            FigureBlock(
                figures.convergence(
                    grown.runs, [names[i] for i in led], value, low, high, grown.kind,
                    f"{found.asked.title}: would more runs change it?",
                    f"convergence-{figures.slug(found.asked.title)}",
                )
            )
        )  # fmt: skip
    told = []
    for column, verdict in zip(grown.columns, grown.verdicts[-1], strict=True):
        outcome = study.indices.outcomes[column]
        word = "settled" if verdict.settled else "not settled"
        told.append(f"{study.about(outcome.measure).title}: {word}; {verdict.reason}.")
    return [*blocks, Text("Whether the ranking of everything that varies is settled:"), Bullets(told)]


def _repeat(study: Study, command: str) -> Section:
    indices = study.indices
    blocks: list[Block] = []
    if command:
        blocks.append(Text(f"The same again: {command}"))
    bundles = [g for g in indices.problem.groups if not g.is_single]
    if bundles:
        names = [indices.problem.factors[i].name for g in bundles for i in g.members]
        blocks.append(
            TableBlock(
                "What is taken together",
                {
                    "group": np.array([g.name for g in bundles for _ in g.members], dtype=object),
                    "parameter": np.array(names, dtype=object),
                },
                "groups",
                fold=0,
            )
        )
    factors = indices.problem.factors
    blocks.append(
        TableBlock(
            "What varied, and over which ranges",
            {
                "parameter": np.array([f.name for f in factors], dtype=object),
                "role": np.array([f.role for f in factors], dtype=object),
                "group": np.array([f.group for f in factors], dtype=object),
                "distribution": np.array([f.distribution.kind for f in factors], dtype=object),
                "low": np.array([f.distribution.low for f in factors]),
                "high": np.array([f.distribution.high for f in factors]),
                "unit": np.array([f.unit for f in factors], dtype=object),
            },
            "parameters",
            fold=0,
        )
    )
    return Section("How to repeat it", blocks)
