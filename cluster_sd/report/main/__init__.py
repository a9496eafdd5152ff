"""The main job: one page that answers which levers matter most, with all that the answer rests on."""

from cluster_sd.report.main.page import Made, page

__all__ = ["Made", "page"]
