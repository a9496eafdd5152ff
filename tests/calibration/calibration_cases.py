"""Data, models and observations that the tests of estimation share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cluster_sd.calibration.observation import Nuisance, Observation, ObservationModel, Series, as_terms
from cluster_sd.calibration.statistics import Statistic

#: Pelts bought by the Hudson's Bay Company, thousands, 1900-1920 (Mahaffy 2010; in Carpenter's Stan case study, 2018).
HARE = (
    30,
    47.2,
    70.2,
    77.4,
    36.3,
    20.6,
    18.1,
    21.4,
    22,
    25.4,
    27.1,
    40.3,
    57,
    76.6,
    52.3,
    19.5,
    11.2,
    7.6,
    14.6,
    16.2,
    24.7,
)
LYNX = (4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6)

LOTKA_VOLTERRA = """\
{UTF-8}
Hare= INTEG(alpha*Hare - beta*Hare*Lynx, 30)
	~	thousand	~	Prey	|
Lynx= INTEG(delta*Hare*Lynx - gamma*Lynx, 5)
	~	thousand	~	Predator	|
alpha= 0.55	~	1/year	~	Growth of prey	|
beta= 0.028	~	1/(thousand*year)	~	Predation	|
gamma= 0.8	~	1/year	~	Death of predators	|
delta= 0.024	~	1/(thousand*year)	~	Growth of predators	|
INITIAL TIME= 1900	~	year	~	|
FINAL TIME= 1920	~	year	~	|
TIME STEP= 0.0625	~	year	~	|
SAVEPER= 1	~	year	~	|
"""

LOGISTIC = """\
{UTF-8}
Area= INTEG(rate*Area*(1 - Area/room), first)
	~	mu	~	What spreads	|
rate= 0.4	~	1/year	~	|
room= 100	~	mu	~	|
first= 5	~	mu	~	|
idle= 1	~	dmnl	~	Does nothing	|
INITIAL TIME= 0	~	year	~	|
FINAL TIME= 20	~	year	~	|
TIME STEP= 0.25	~	year	~	|
SAVEPER= 1	~	year	~	|
"""

#: Variable -> (times, values).
Data = Mapping[str, tuple[Sequence[float], Sequence[float]]]
Observed = Callable[..., ObservationModel]


def observed(
    data: Data, error: str = "lognormal", scale: float | None = None, held_out: float = np.inf
) -> ObservationModel:
    """Exact values of some variables; the error's scale is given, or estimated for each series."""
    series = tuple(Series(name, name, name, "", error, scale) for name in data)
    rows = tuple(
        Observation(k, Statistic("", name, t, t, v, v, ""), t, "exact", v, v, held_out=t >= held_out)
        for k, (name, (times, values)) in enumerate(data.items())
        for t, v in zip(times, values, strict=True)
    )
    nuisances = tuple(Nuisance(f"scale of {s.name}", "scale", k, -1.0, 1.0) for k, s in enumerate(series))
    nuisances = nuisances if scale is None else ()
    texts = [f"{series[row.series].name}@{row.time:g}" for row in rows]
    measures = tuple(dict.fromkeys(texts))
    weights = np.array([[float(text == measure) for measure in measures] for text in texts])
    return ObservationModel(series, rows, measures, weights, nuisances, as_terms(series, rows, nuisances))
