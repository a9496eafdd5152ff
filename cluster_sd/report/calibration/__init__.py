"""Figures, tables and the page of a calibration, from its result alone."""

from __future__ import annotations

from cluster_sd.report.calibration.page import Report, report
from cluster_sd.report.calibration.tables import diagnostics, tables
from cluster_sd.report.calibration.words import intervals_text, parameter_text, sampler_text, series_text

__all__ = [
    "Report", "diagnostics", "intervals_text", "parameter_text", "report", "sampler_text", "series_text", "tables",
]  # fmt: skip
