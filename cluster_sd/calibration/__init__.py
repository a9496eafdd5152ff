"""Calibration against county statistics: reading them, what they say of a run, and what they tell of parameters."""
