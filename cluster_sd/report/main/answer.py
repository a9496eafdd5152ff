"""The answer in a paragraph, made from the results: which levers, for which outcome, how sure, and resting on what."""

from __future__ import annotations

import math

from cluster_sd.report.main.tables import TOLD, Outcome, Record, facts_of, first_outcomes, found, known, outcomes, where
from cluster_sd.report.page import Block, Bullets, TableBlock, Text
from cluster_sd.report.words import Words
from cluster_sd.stages import Results

__all__ = ["answer", "question", "sureness"]

#: Probabilities from which on a ranking is called settled, and likely.
SETTLED, LIKELY = 0.95, 0.7
#: Share of the variance below which levers are said to decide little of an outcome.
LITTLE = 0.1
#: Part of an outcome's 90 % range below which the effect of a step isn't told.
NEGLIGIBLE = 1e-5
#: Outcomes in the table of the answer.
LISTED = 8


def question(results: Results, words: Words) -> str:
    """What the page answers, in a sentence."""
    facts = facts_of(results, "model")
    levers = found(results, "levers")
    if levers is None:
        return words("answer.question_without_levers", variables=words.number(facts["variables"]))
    return words(
        "answer.question",
        levers=facts["levers"],
        uncertain=facts["uncertain"],
        outcomes=len(outcomes(results)),
        runs=words.number(levers.facts["runs"]),
    )


def answer(results: Results, words: Words) -> list[Block]:
    """The blocks of the answer."""
    chosen = first_outcomes(results)
    if not chosen:
        return [Text(words("answer.none"), "lead")]
    blocks: list[Block] = [Text(_leading(results, chosen[0], words), "lead")]
    blocks += [Text(text) for text in (_share(results, chosen[0], words),) if text]
    blocks += _steps(results, chosen[0], words)
    blocks += [Text(text) for text in (_mechanism(results, chosen[0], words),) if text]
    blocks.append(_table(results, words))
    trust = [text for text in (_fit(results, words), _tests(results, words), _assumed(results, words)) if text]
    return [*blocks, Text(words("answer.trust")), Bullets(trust)] if trust else blocks


def sureness(probability: object, words: Words) -> str:
    """How sure a ranking is: a word and the probability."""
    if not isinstance(probability, int | float) or math.isnan(probability):
        return words("answer.sure_unknown")
    kind = "settled" if probability >= SETTLED else "likely" if probability >= LIKELY else "open"
    percent = words("answer.more_than_99") if probability >= 0.995 else words.percent(float(probability))
    return words(f"answer.sure_{kind}", percent=percent)


def _leading(results: Results, outcome: Outcome, words: Words) -> str:
    leaders = where(results, "levers", "leading", outcome=outcome.name)
    if not any(row["counts"] for row in leaders):
        return words("answer.no_leader", outcome=words.name(outcome.name), description=words.name(outcome.description))
    return words(
        "answer.leading",
        outcome=words.name(outcome.name),
        description=words.name(outcome.description),
        levers=words.list([words.name(row["lever"]) for row in leaders]),
        count=len(leaders),
        all=facts_of(results, "model")["levers"],
        sure=sureness(leaders[0]["probability"], words),
    )


def _share(results: Results, outcome: Outcome, words: Words) -> str:
    """What all levers together decide of an outcome, and what decides the rest."""
    row = next(iter(where(results, "levers", "shares", outcome=outcome.name)), None)
    if row is None or not known(row["levers_total"]):
        return ""
    others = [
        row
        for row in where(results, "levers", "indices", outcome=outcome.name, index="ST")
        if row["role"] != "lever" and not known(row["time"]) and known(row["value"])
    ]
    rest = sorted(others, key=lambda row: -row["value"])[:3]
    named = words.list(
        [words("answer.with_share", name=words.name(r["parameter"]), share=words.percent(r["value"])) for r in rest]
    )
    key = "answer.share_little" if row["levers_total"] < LITTLE else "answer.share"
    return words(key, share=words.percent(row["levers_total"]), rest=named)


def best_steps(results: Results, outcome: Outcome) -> list[Record]:
    """Of each lever the better of its steps, the best first."""
    best: dict[str, Record] = {}
    sign = -1 if outcome.better == "low" else 1
    for row in where(results, "levers", "steps", outcome=outcome.name):
        kept = best.get(row["lever"])
        if known(row["median"]) and (kept is None or sign * row["median"] > sign * kept["median"]):
            best[row["lever"]] = row
    return sorted(best.values(), key=lambda row: -sign * row["median"])


def step_name(row: Record, results: Results, words: Words) -> str:
    """A lever with its step and unit."""
    unit = next((one["unit"] for one in where(results, "levers", "ranges", parameter=row["lever"])), "")
    sign = "+" if row["step"] > 0 else "−"
    return words("levers.step", lever=words.name(row["lever"]), step=sign + words.quantity(abs(row["step"]), unit))


def _steps(results: Results, outcome: Outcome, words: Words) -> list[Block]:
    """The best feasible steps, each with its effect in the middle world and in 90 % of the worlds."""
    steps = best_steps(results, outcome)
    sign = -1 if outcome.better == "low" else 1
    good = [row for row in steps if sign * row["median"] > _negligible(results, outcome)][:TOLD]
    if not good:
        return [Text(words("answer.no_step", outcome=words.name(outcome.name)))] if steps else []
    told = [
        words(
            "answer.step_effect",
            lever=step_name(row, results, words),
            effect=words.change(row["median"], outcome.unit),
            low=words.change(row["spread_low"]),
            high=words.change(row["spread_high"]),
            mean=words.change(row["mean"]),
            best=words.percent(row["best"]),
        )
        for row in good
    ]
    return [Text(words("answer.step", outcome=words.name(outcome.name))), Bullets(told)]


def _negligible(results: Results, outcome: Outcome) -> float:
    """Effect that nobody would notice: a part of how far the outcome ranges over the worlds as things are today."""
    row = next(iter(where(results, "levers", "outcomes", outcome=outcome.name)), None)
    width = 0.0 if row is None else row["today_high"] - row["today_low"]
    return NEGLIGIBLE * width if width > 0 else 0.0


def _mechanism(results: Results, outcome: Outcome, words: Words) -> str:
    effects = [
        row
        for row in where(results, "mechanisms", "effects", outcome=outcome.name, kind="shapley")
        if known(row["mean"])
    ]
    if not effects:
        return ""
    sign = -1 if outcome.better == "low" else 1
    ordered = sorted(effects, key=lambda row: -sign * row["mean"])
    told = [
        words("answer.mechanism_effect", name=words.name(row["term"]), effect=words.change(row["mean"], outcome.unit))
        for row in ordered
    ]
    total = sum(row["mean"] for row in effects)
    return words(
        "answer.mechanisms",
        outcome=words.name(outcome.name),
        total=words.change(total, outcome.unit),
        effects=words.list(told),
    )


def _table(results: Results, words: Words) -> TableBlock:
    """Outcome by outcome: the levers that lead, what they decide, and how sure that is."""
    columns: dict[str, list[str]] = {
        words(f"answer.column_{name}"): [] for name in ("outcome", "levers", "share", "sure")
    }
    for outcome in first_outcomes(results, LISTED):
        leaders = where(results, "levers", "leading", outcome=outcome.name)
        share = next((row["levers_total"] for row in where(results, "levers", "shares", outcome=outcome.name)), None)
        counting = [words.name(row["lever"]) for row in leaders if row["counts"]]
        cells = (
            words.name(outcome.name),
            words.list(counting, plain=True) or words("answer.none_stands_out"),
            words("answer.at_most", share=words.percent(share)) if known(share) else "–",
            sureness(leaders[0]["probability"], words) if counting else "–",
        )
        for column, cell in zip(columns.values(), cells, strict=True):
            column.append(cell)
    return TableBlock(words("answer.table"), columns, "answer", fold=LISTED)


# --- what it rests on -------------------------------------------------------------------------------------------------


def _fit(results: Results, words: Words) -> str:
    """How far the calibrated model, and else the base run, is from the statistics; and on years held out."""
    scores = where(results, "base", "scores", run="calibrated") or where(results, "base", "scores", run="base")
    exact = [row for row in scores if known(row["mae_over_mean"]) and row["n"] > 1]
    if not exact:
        return ""
    run = exact[0]["run"]
    told = words.list(
        [
            words("answer.with_share", name=words.name(r["series"]), share=words.percent(r["mae_over_mean"]))
            for r in exact[:4]
        ]
    )
    held = [r for r in where(results, "calibration", "held_out", held_out="held out") if known(r["naive_rmse"])]
    won = sum(row["rmse"] < row["naive_rmse"] for row in held)
    text = words(f"answer.fit_{run}", errors=told)
    return text + (words("answer.held_out", won=won, count=len(held)) if held else "")


def _tests(results: Results, words: Words) -> str:
    made = found(results, "validation")
    if made is None:
        return ""
    counts = made.facts["counts"]
    key = "answer.tests_failed" if counts.get("fail") else "answer.tests_passed"
    return words(key, passed=counts.get("pass", 0), failed=counts.get("fail", 0), findings=counts.get("finding", 0))


def _assumed(results: Results, words: Words) -> str:
    varied = [row for row in where(results, "model", "parameters") if row["role"] in ("lever", "uncertain")]
    if not varied:
        return ""
    assumed = sum(row["confidence"] == "assumed" for row in varied)
    return words("answer.assumed", assumed=assumed, count=len(varied))
