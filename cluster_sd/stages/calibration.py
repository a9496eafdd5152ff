"""Stage ``calibration``: the calibration that comes with the model, and whether it belongs to this model and data."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd.errors import ModelError
from cluster_sd.stages.found import Found, LeftOut, columns_of
from cluster_sd.stages.kinds import CALIBRATED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster_sd.stages.case import Case

__all__ = ["ABOUT", "ESTIMATES", "HELD_OUT", "POSTERIOR", "Shipped", "fitted", "shipped"]

#: Files of a shipped calibration: parameters, scores on years that were held out, draws, and what was done.
ESTIMATES, HELD_OUT, POSTERIOR, ABOUT = "estimates.csv", "holdout_scores.csv", "posterior.csv", "calibration.json"
_PARAMETERS = ("parameter", "estimate", "ci_low", "ci_high", "prior_low", "prior_high", "verdict")
_SCORES = (
    "series", "held_out", "n", "r2", "mae_over_mean", "rmse", "naive_rmse", "theil_bias", "theil_variance",
    "theil_covariance",
)  # fmt: skip
_TEXTS = frozenset({"parameter", "verdict", "series", "held_out"})


class Shipped(dict[str, Any]):
    """What is known of a shipped calibration: date, model and data (hashes), method, holdout, seed, warnings."""

    def belongs(self, case: Case) -> bool:
        """Whether it was made with this model file and these statistics."""
        own = (case.model.equations_hash, case.model.hash)
        if not self or not any(digest.startswith(str(self["model"])) for digest in own):
            return False
        from cluster_sd.simulate.metadata import file_hash

        digests = {path.name: file_hash(path) for path in case.files if path.is_file()}
        data = self["data"]
        return bool(data) and all(digests.get(name, "").startswith(digest) for name, digest in data.items())


def fitted(case: Case) -> Found | LeftOut:
    """Estimates with their verdicts, and the scores on years that were held out."""
    path = case.folder / ESTIMATES
    about = shipped(case)
    if not path.is_file():
        return LeftOut("left_out.no_calibration")
    if case.data and not about.belongs(case):
        return LeftOut("left_out.other_data")
    scores = case.folder / HELD_OUT
    held_out = _table(scores, _SCORES) if scores.is_file() else columns_of(_SCORES, ())
    facts = {**about, "current": about.belongs(case), "scenario": _has_scenario(case)}
    return Found({"estimates": _table(path, _PARAMETERS), "held_out": held_out}, facts)


def shipped(case: Case) -> Shipped:
    """What the model's folder says of its calibration; empty where it says nothing.

    Raises
    ------
    ModelError
        For a file that can't be read.
    """
    path = case.folder / ABOUT
    if path.is_file():
        return _read_about(path)
    text = next((s.description for s in case.model.folder.scenarios if s.name == CALIBRATED), "")
    found = re.search(r"(\d{4}-\d\d-\d\d); model ([0-9a-f]{12,64}), data (.+?) \(SHA-256", text)
    if not found:
        return Shipped()
    pairs = re.findall(r"(\S+) ([0-9a-f]{12,64})", found[3])
    return Shipped(date=found[1], model=found[2], data=dict(pairs), method="", holdout="", warnings=[])


def _read_about(path: Path) -> Shipped:
    from cluster_sd.model.text import read_text

    try:
        content = json.loads(read_text(path))
        made = Shipped(
            date=str(content["date"]),
            model=str(content["model"]),
            data={str(name): str(digest) for name, digest in content["data"].items()},
        )
        for key, usual in (("method", ""), ("holdout", ""), ("place", ""), ("seed", 0), ("draws", 0)):
            made[key] = content.get(key, usual)
        made["observations"] = content.get("observations", 0)
        made["warnings"] = [str(text) for text in content.get("warnings", [])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"can't be read as what calibration leaves: {error!r}", path) from None
    return made


def _has_scenario(case: Case) -> bool:
    return any(s.name == CALIBRATED for s in case.model.folder.scenarios)


def _table(path: Path, columns: tuple[str, ...]) -> Mapping[str, list[Any]]:
    """Some columns of a table that calibration wrote, which may have more."""
    from cluster_sd.model.rows import read_rows
    from cluster_sd.model.text import read_text

    header = [cell.strip().lower() for cell in read_text(path).partition("\n")[0].split(",")]
    rows = list(read_rows(path, header, columns))
    made: dict[str, list[Any]] = {}
    for column in columns:
        if column in _TEXTS:
            made[column] = [row.text(column) for row in rows]
        else:
            made[column] = [_number(row.text(column), path, row.line, column) for row in rows]
    return made


def _number(text: str, path: Path, line: int, column: str) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError:
        raise ModelError(f"column '{column}' holds '{text}' where a number belongs", path, line) from None
