"""A calibration as tables and plain values: what the files hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.report.calibration.words import series_text

if TYPE_CHECKING:
    from cluster_sd.calibration.study import Study

__all__ = ["diagnostics", "estimates", "fit", "reliability_of", "scores", "tables", "unused"]

Columns = dict[str, Any]


def tables(study: Study) -> dict[str, Columns]:
    """Every table that is written, by the stem of its file."""
    made = {"estimates": estimates(study), "fit": fit(study), "scores": scores(study), "unused": unused(study)}
    if study.grounds:
        made["rests"] = rests(study)
    if study.ranks is not None:
        made["sbc"] = {name: study.ranks.ranks[:, k] for k, name in enumerate(study.ranks.names)}
    return made


def estimates(study: Study) -> Columns:
    """``estimates.csv``: fitted parameters, with the interval of the draws where there are any, else of the profile."""
    made = study.calibration
    fitted, verdicts = made.posterior.fitted, [p.verdict for p in made.profiles]
    if made.draws is None:
        middle = [made.estimates[f.name] for f in fitted]
        low, high = [p.low for p in made.profiles], [p.high for p in made.profiles]
    else:
        flat = made.draws.natural.reshape(-1, made.draws.natural.shape[-1])[:, : len(fitted)]
        low, middle, high = (column.tolist() for column in np.quantile(flat, [0.025, 0.5, 0.975], axis=0))
    return {
        "parameter": [f.name for f in fitted],
        "estimate": middle,
        "ci_low": low,
        "ci_high": high,
        "prior_low": [f.prior.low for f in fitted],
        "prior_high": [f.prior.high for f in fitted],
        "verdict": verdicts,
    }


def fit(study: Study) -> Columns:
    """``fit.csv``: every row that is compared, with the 95 % interval of what would be observed."""
    observations = study.observations
    return {
        "series": [observations.series[row.series].name for row in observations.observations],
        "time": observations.times,
        "observed": observations.observed,
        "fitted": study.fitted,
        "low": study.low,
        "high": study.high,
        "held_out": observations.held_out,
    }


def scores(study: Study) -> Columns:
    """``scores.csv``."""
    columns = (
        "series", "held_out", "n", "r2", "mae_over_mean", "rmse", "naive_rmse", "theil_bias", "theil_variance",
        "theil_covariance",
    )  # fmt: skip
    return {column: [getattr(score, column) for score in study.scores] for column in columns}


def unused(study: Study) -> Columns:
    """``unused.csv``: rows that say nothing to the model, each with its reason."""
    rows = study.observations.unused
    return {
        "file": [row.file.name for row in rows],
        "row": [row.row for row in rows],
        "place": [row.place for row in rows],
        "variable": [row.variable for row in rows],
        "time": [row.time for row in rows],
        "reason": [row.reason for row in rows],
    }


def rests(study: Study) -> Columns:
    """``rests.csv``: what each outcome rests on."""
    found = study.grounds
    return {
        "outcome": [g.outcome for g in found],
        "rests_on": [g.rests_on for g in found],
        "variance_taken_by_data": [g.taught for g in found],
        "standard_error": [g.taught_error for g in found],
        "left_from_numbers": [g.from_numbers for g in found],
        "left_from_ranges": [g.from_ranges for g in found],
        **{f"before_{p}": [g.before[k] for g in found] for k, p in enumerate((5, 50, 95))},
        **{f"after_{p}": [g.after[k] for g in found] for k, p in enumerate((5, 50, 95))},
    }


def reliability_of(study: Study) -> Columns:
    """Every used row with its source and the least error that its reliability gives it."""
    observations = study.observations
    rows = observations.observations
    return {
        "series": [observations.series[row.series].name for row in rows],
        "time": observations.times,
        "as printed": [_printed(row.statistic) for row in rows],
        "in the model's unit": observations.observed,
        "kind": [row.kind for row in rows],
        "source": [row.statistic.source for row in rows],
        "reliability": [row.statistic.reliability for row in rows],
        "least error": [row.floor for row in rows],
        "how it was read": ["; ".join(row.remarks) for row in rows],
    }


def _printed(row: Any) -> str:
    value = f"{row.low:.10g}" if not row.is_range else f"{row.low:.10g}-{row.high:.10g}"
    return f"{'' if row.relation == '=' else row.relation + ' '}{value} {row.unit}".strip()


def diagnostics(study: Study) -> dict[str, Any]:
    """``diagnostics.json``: how far the estimate, the draws and the errors can be believed."""
    made, observations = study.calibration, study.observations
    natural = made.posterior.natural(made.mode.point[None])[0]
    k = len(made.posterior.fitted)
    return _plain(
        {
            "method": made.method,
            "place": observations.place,
            "series": [series_text(s) for s in observations.series],
            "observations": {
                "fitted": observations.fitted_count,
                "held_out": int(observations.held_out.sum()),
                "unused": len(observations.unused),
            },
            "set_from_statistics": {s.name: s.value for s in observations.supplied},
            "choice": [
                {"where": t.where, "fitted": list(t.fitted), "put_back": list(t.flat), "log_likelihood": t.value}
                for t in made.trials
            ],
            "search": {
                "kind": made.mode.search,
                "log_density": made.mode.value,
                "log_likelihood": made.likely.value,
                "share_of_starts_that_agree": made.mode.agreeing,
                "ends": [start.value for start in made.mode.starts],
            },
            "mode": made.estimates,
            "errors_at_mode": {n.name: natural[k + i] for i, n in enumerate(observations.nuisances)},
            "combinations": [{"combination": c.text, "deviation": c.deviation} for c in made.combinations],
            "autocorrelation": [
                {"series": a.series, "n": a.n, "lag_one": a.lag_one, "bound": a.bound, "durbin_watson": a.durbin_watson}
                for a in study.autocorrelations
            ],
            "bounds": [vars(bound) for bound in study.bounds],
            "sampling": _sampling(study),
            "simulation_based_calibration": _sbc(study),
            "failed_predictions": {"prior": made.before.failed, "posterior": made.after.failed},
            "warnings": list(study.warnings),
        }
    )


def _sampling(study: Study) -> dict[str, Any] | None:
    draws, health, weighted = study.calibration.draws, study.calibration.health, study.calibration.weighted
    if weighted is not None:
        return {
            "sampler": "importance", "draws": len(weighted.points), "weighted_draws": weighted.drawn,
            "effective": weighted.effective, "pareto_shape": weighted.pareto, "well": weighted.well,
        }  # fmt: skip
    if draws is None or health is None:
        return None
    return {
        "sampler": "nuts",
        "chains": draws.natural.shape[0],
        "draws": draws.natural.shape[1],
        "r_hat": dict(health.r_hat),
        "ess_bulk": dict(health.ess_bulk),
        "ess_tail": dict(health.ess_tail),
        "divergences": health.divergences,
        "well": health.well,
    }


def _sbc(study: Study) -> dict[str, Any] | None:
    ranks = study.ranks
    if ranks is None:
        return None
    return {
        "simulations": len(ranks.ranks),
        "p_values": ranks.p_values(),
        "coverage_95": ranks.coverage(),
        "divergences": ranks.divergences,
        "failed": ranks.failed,
    }


def _plain(value: Any) -> Any:
    """JSON values; a number that is not finite is null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
