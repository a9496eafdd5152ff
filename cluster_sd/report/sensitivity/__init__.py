"""Figures, tables and the page of a sensitivity analysis, from its result alone."""

from __future__ import annotations

from cluster_sd.report.sensitivity.page import Report, report
from cluster_sd.report.sensitivity.tables import indices_table, summary

__all__ = ["Report", "indices_table", "report", "summary"]
