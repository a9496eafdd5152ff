"""A calibration in sentences: what a reader wants to know first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster_sd.calibration.grounds import RESTS
from cluster_sd.calibration.mapping import ESTIMATED
from cluster_sd.calibration.scores import FITTED, HELD_OUT

if TYPE_CHECKING:
    from cluster_sd.calibration.coordinates import Fitted
    from cluster_sd.calibration.observation import Series
    from cluster_sd.calibration.scores import Score
    from cluster_sd.calibration.study import Study

__all__ = [
    "against_trend", "fitted_words", "held_out_words", "intervals_text", "names", "number", "parameter_text",
    "rests_words", "sampler_text", "series_text", "verdict_words", "with_error",
]  # fmt: skip


def number(value: float) -> str:
    """A number with three digits.

    >>> [number(x) for x in (284912.3, 0.01234, 2.0, 5.3e8)]
    ['285,000', '0.0123', '2', '530,000,000']
    """
    if value == 0 or value != value:
        return "–" if value != value else "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"


def with_error(value: float, error: float) -> str:
    """A share with its standard error.

    >>> with_error(0.7312, 0.041), with_error(float("nan"), 0.0)
    ('0.73 ± 0.04', '–')
    """
    return f"{value:.2f} ± {error:.2f}" if value == value else "–"


def names(some: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return some[0] if len(some) == 1 else f"{', '.join(some[:-1])} and {some[-1]}" if some else "none"


def parameter_text(fitted: Fitted) -> str:
    """A fitted parameter with its range and what is believed of it before data."""
    unit = f" {fitted.unit}" if fitted.unit and fitted.unit != "dmnl" else ""
    return f"{fitted.name}: {number(fitted.prior.low)} to {number(fitted.prior.high)}{unit}, {fitted.prior.kind}"


def series_text(series: Series) -> str:
    """What a series is compared with, and with which error."""
    if series.scale is None:
        scale = "scale estimated"
    else:
        scale = f"scale {number(series.scale)}" if series.scale else "scale from reliability"
    scope = {None: "", ESTIMATED: ", scope factor estimated"}.get(series.scope, f", scope factor {series.scope}")  # type: ignore[arg-type]
    unit = f" ({series.unit})" if series.unit else ""
    used = "" if series.fitted else "; shown, not fitted"
    return f"{series.name}: {series.measure}{unit}, {series.error}, {scale}{scope}{used}"


def intervals_text(study: Study) -> str:
    """How intervals were made."""
    profile = "profile likelihood, 95 % (fall of 1.92)"
    if study.calibration.draws is None:
        return f"{profile}; predictions from draws of the posterior by importance sampling"
    return f"2.5 % and 97.5 % points of the posterior's draws; verdicts from the {profile}"


def sampler_text(study: Study) -> str:
    """What was sampled, and how well; empty where nothing was."""
    draws, health, weighted = study.calibration.draws, study.calibration.health, study.calibration.weighted
    if weighted is not None:
        return (
            f"adaptive importance sampling: {weighted.drawn:,} weighted draws, worth {weighted.effective:,.0f} "
            f"independent ones; Pareto shape of the weights {weighted.pareto:.2f} (below 0.7 they can be believed)"
        )
    if draws is None or health is None:
        return ""
    chains, kept = draws.natural.shape[:2]
    worst, least = max(health.r_hat.values()), min((*health.ess_bulk.values(), *health.ess_tail.values()))
    return (
        f"no-U-turn sampler, {chains} chains of {kept:,} draws; R-hat at most {worst:.3f}, effective sample size "
        f"{least:,.0f} or more, {health.divergences} divergences"
    )


def fitted_words(study: Study) -> str:
    """What was fitted to what."""
    made, observations = study.calibration, study.observations
    fitted = names([f.name for f in made.posterior.fitted])
    chosen = ""
    if made.trials:
        chosen = f", chosen among {len(made.candidates)} as those that the statistics can tell apart"
    held = int(observations.held_out.sum())
    kept = f"; {held} more are kept aside" if held else ""
    place = f" of {observations.place}" if observations.place else ""
    count = len(made.posterior.fitted)
    return (
        f"{count} parameter{'s' * (count != 1)} ({fitted}){chosen}: fitted to "
        f"{observations.fitted_count} statistics{place}{kept}."
    )


def verdict_words(study: Study) -> str:
    """What the data tell of the parameters, by verdict."""
    by_verdict: dict[str, list[str]] = {}
    for profile in study.calibration.profiles:
        by_verdict.setdefault(profile.verdict, []).append(profile.name)
    said = {
        "identifiable": "The statistics identify {}.",
        "weak": "They say something, and not much, of {}.",
        "bound-limited": "The best fit presses {} against the end of its range: the range, not the data, decides.",
        "not identifiable": "They say nothing of {}, whose interval is its range.",
    }
    return " ".join(text.format(names(by_verdict[key])) for key, text in said.items() if key in by_verdict)


def against_trend(found: Score) -> str:
    """Whether the model or the straight line comes nearer."""
    if not found.naive_rmse == found.naive_rmse:
        return "no trend to compare with"
    if found.rmse == found.naive_rmse == 0:
        return "as near as the trend"
    ratio = found.rmse / found.naive_rmse if found.naive_rmse > 0 else float("inf")
    if 0.95 <= ratio <= 1.05:
        return "as near as the trend"
    return "nearer than the trend" if ratio < 1 else "farther off than the trend"


def held_out_words(study: Study) -> list[str]:
    """A line a series: how the held-out observations were met."""
    units = {s.name: (s.unit, s.fitted) for s in study.observations.series}
    out = []
    for found in study.scores:
        unit, fitted = units[found.series]
        if found.held_out != HELD_OUT or not fitted:
            continue
        out.append(
            f"{found.series}: {found.n} held out, missed by {number(found.rmse)} {unit} (root mean square; "
            f"{found.mae_over_mean:.1%} of the mean), {against_trend(found)} ({number(found.naive_rmse)})."
        )
    return out


def fitted_score(study: Study, series: str) -> Score | None:
    """The score of the fitted rows of a series."""
    return next((s for s in study.scores if s.series == series and s.held_out == FITTED), None)


def rests_words(study: Study) -> str:
    """How many outcomes rest on what."""
    counts: dict[str, int] = {}
    for ground in study.grounds:
        counts[ground.rests_on] = counts.get(ground.rests_on, 0) + 1
    parts = [f"{counts[what]} rest{'s' * (counts[what] == 1)} on {_on(what)}" for what in RESTS if what in counts]
    return f"Of the {len(study.grounds)} outcomes of the model's folder, {names(parts)}."


def _on(what: str) -> str:
    return "both the numbers and the ranges" if what == RESTS[1] else what
