"""Figures and pages, made from result objects alone."""
