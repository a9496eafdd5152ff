"""Results of a made-up model, small enough to know by heart: every table of every stage."""

from __future__ import annotations

import math

from cluster_sd.stages import Found, LeftOut

NAN = math.nan


def table(names, *rows):
    return {name: [row[i] for row in rows] for i, name in enumerate(names.split())}


def results(**changed):
    """All stages; `changed` ones in place of their own."""
    made = {
        "model": model(),
        "base": base(),
        "calibration": calibration(),
        "scenarios": scenarios(),
        "levers": levers(),
        "mechanisms": mechanisms(),
        "loops": loops(),
        "validation": validation(),
        "data": data(),
    }
    return {**made, **changed}


def nothing():
    """A model that has nothing but equations."""
    return {name: made if name == "model" else LeftOut("left_out.not_asked") for name, made in results().items()}


def model():
    facts = {
        "name": "orchard",
        "title": "orchard",
        "purpose": "",
        "file": "orchard.mdl",
        "hash": "ab" * 32,
        "start": 2000.0,
        "stop": 2040.0,
        "time_step": 0.25,
        "solver": "euler",
        "stocks": 1,
        "flows": 1,
        "variables": 3,
        "equations": 3,
        "levers": 3,
        "uncertain": 2,
        "sectors": ["Land"],
    }
    return Found(
        {
            "variables": table(
                "name kind unit documentation equation sector evidence",
                ("Area", "stock", "mu", "Land under trees [O1]", "INTEG(Planting, 100)", "Land", "O1"),
                ("Planting", "flow", "mu/year", "Trees set [O1]", "Training*2", "Land", "O1"),
                ("Training", "constant", "dmnl", "A <b>lever</b> [O5]", "1", "Land", "O5"),
            ),
            "parameters": table(
                "name role confidence",
                ("Training", "lever", "assumed"),
                ("Levy", "lever", "reported"),
                ("Luck", "uncertain", "assumed"),
            ),
            "outcomes": table(
                "name measure variable unit better description",
                ("Income", "final(Income)", "Income", "yuan/year", "high", "Income at the end"),
                ("Poor years", "time_above(Shortfall, 0.1)", "Shortfall", "year", "low", "Years of poor income"),
            ),
            "scenarios": table("name description", ("base", "As it is"), ("drought", "A dry year")),
            "names": table(
                "name zh en",
                ("model:orchard", "果园", "Orchard"),
                ("Income", "收入", ""),
                ("Poor years", "歉收年数", ""),
                ("Training", "培训", ""),
                ("Levy", "提取", ""),
                ("Area", "面积", ""),
                ("Return", "返乡", ""),
                ("Income at the end", "期末收入", ""),
                ("Embedding", "嵌入", ""),
                ("Technology", "技术", ""),
                ("drought", "干旱", ""),
                ("A dry year", "一个旱年", ""),
                ("base", "基准", ""),
                ("As it is", "现状", ""),
                ("Members draw members", "社员带社员", ""),
                ("area", "面积", ""),
                ("Planting", "种植", ""),
                ("Land", "土地", ""),
                ("Years of poor income", "歉收的年数", ""),
            ),
            "groups": table("group name zh", ("O1", "Members", "社员"), ("O18", "Market", "市场")),
        },
        facts,
    )


def base():
    return Found(
        {
            "course": table(
                "series time base calibrated low high",
                ("area", 2020.0, 90.0, 100.0, 95.0, 104.0),
                ("area", 2021.0, 99.0, 110.0, 100.0, 118.0),
            ),
            "observed": table(
                "series time relation value low high unit source reliability note",
                ("area", 2020.0, "=", 101.0, NAN, NAN, "mu", "Yearbook", "official", ""),
                ("area", 2021.0, ">=", NAN, 105.0, NAN, "mu", "Paper", "survey", ""),
            ),
            "scores": table(
                "series unit run n r2 mae_over_mean rmse theil_bias theil_variance theil_covariance",
                ("area", "mu", "base", 2, -1.0, 0.11, 11.0, 0.9, 0.1, 0.0),
                ("area", "mu", "calibrated", 2, 0.9, 0.01, 1.0, 0.1, 0.2, 0.7),
            ),
        },
        {"place": "Qingxi", "draws": 400, "files": [], "runs": 401, "failed": 0},
    )


def calibration():
    return Found(
        {
            "estimates": table(
                "parameter estimate ci_low ci_high prior_low prior_high verdict",
                ("Luck", 1.1, 0.9, 1.2, 0.5, 2.0, "identifiable"),
                ("Levy", 0.2, 0.1, 0.3, 0.1, 0.3, "bound-limited"),
            ),
            "held_out": table(
                "series held_out n r2 mae_over_mean rmse naive_rmse theil_bias theil_variance theil_covariance",
                ("area", "held out", 2, 0.1, 0.02, 4.0, 11.0, 0.5, 0.2, 0.3),
                ("area", "fitted", 5, 0.8, 0.01, 2.0, 3.0, 0.1, 0.2, 0.7),
            ),
        },
        {"date": "2026-11-22", "current": True, "method": "map", "holdout": "2024-", "warnings": []},
    )


def scenarios():
    return Found(
        {
            "courses": table(
                "scenario outcome time value",
                *(
                    (name, "Income", year, value)
                    for name, value in (("base", 10.0), ("drought", 8.0))
                    for year in (2000.0, 2040.0)
                ),
            ),
            "numbers": table(
                "scenario outcome value change kind",
                ("base", "Income", 10.0, 0.0, "other"),
                ("drought", "Income", 8.0, -2.0, "other"),
                ("drought", "Poor years", 3.0, 1.0, "other"),
            ),
        },
        {"runs": 2, "failed": 0},
    )


def levers(probability=0.997, share=0.006, counts=True, effect=216.0):
    leading = [
        ("Income", n, name, value, value / 2, value * 2, probability, counts)
        for n, name, value in ((1, "Training", 0.003), (2, "Levy", 0.002), (3, "Return", 0.001))
    ]
    indices = [
        ("final(Income)", "Income", NAN, name, "lever", "ST", value, value / 2, value * 2, 3, 2, 4)
        for name, value in (("Training", 0.003), ("Levy", 0.002), ("Return", 0.001))
    ]
    indices += [
        ("Income", "Income", year, "Training", "lever", "ST", 0.01, 0.005, 0.02, 1, 1, 1) for year in (2030.0, 2040.0)
    ]
    indices += [("final(Income)", "Income", NAN, "group:O18", "group", "ST", 0.7, 0.6, 0.8, 1, 1, 1)]
    return Found(
        {
            "indices": table(
                "measure outcome time parameter role index value ci_low ci_high rank rank_low rank_high", *indices
            ),
            "leading": table("outcome place lever value ci_low ci_high probability counts", *leading),
            "shares": table("outcome levers uncertain levers_total", ("Income", share, 1 - share, share)),
            "steps": table(
                "measure outcome time lever step from to since mean ci_low ci_high median spread_low spread_high "
                "improves best cost cost_verdict per_yuan",
                (
                    "final(Income)",
                    "Income",
                    NAN,
                    "Training",
                    15.0,
                    30.0,
                    45.0,
                    2025.0,
                    220.0,
                    200.0,
                    240.0,
                    effect,
                    -16.0,
                    1110.0,
                    0.93,
                    0.4,
                    1e6,
                    "costs",
                    3.6e-5,
                ),
                (
                    "final(Income)",
                    "Income",
                    NAN,
                    "Training",
                    -15.0,
                    30.0,
                    15.0,
                    2025.0,
                    -220.0,
                    -240.0,
                    -200.0,
                    -216.0,
                    -1110.0,
                    16.0,
                    0.1,
                    0.0,
                    -1e6,
                    "saves",
                    NAN,
                ),
                (
                    "final(Income)",
                    "Income",
                    NAN,
                    "Levy",
                    0.05,
                    0.2,
                    0.25,
                    2025.0,
                    -1.0,
                    -2.0,
                    0.0,
                    -1.0,
                    -3.0,
                    1.0,
                    0.2,
                    0.0,
                    0.0,
                    "free",
                    NAN,
                ),
            ),
            "ranges": table(
                "parameter role group distribution low high unit",
                ("Training", "lever", "O1", "uniform", 0.0, 60.0, "yuan/household/year"),
                ("Levy", "lever", "O1", "uniform", 0.1, 0.3, "yuan/kg"),
            ),
            "outcomes": table(
                "outcome reason floor settled width probability today today_low today_high",
                ("Income", "", 0.0, True, 0.01, 0.99, 40_000.0, 10_000.0, 90_000.0),
            ),
            "growing": table(
                "outcome samples settled reason", ("Income", 1024, False, "r"), ("Income", 2048, True, "r")
            ),
        },
        {"method": "sobol", "samples": 2048, "runs": 96256, "failed": 0, "seed": 0, "notes": []},
    )


def mechanisms():
    names = "outcome term kind mean ci_low ci_high median spread_low spread_high positive"
    return Found(
        {
            "effects": table(
                names,
                ("Income", "Embedding", "main", 3000.0, 2900.0, 3100.0, 3000.0, 0.0, 6000.0, 1.0),
                ("Income", "Embedding", "shapley", 3200.0, 2900.0, 3500.0, 3000.0, 0.0, 6000.0, 1.0),
                ("Income", "Technology", "shapley", 6380.0, 6000.0, 7000.0, 6000.0, 0.0, 9000.0, 1.0),
                ("Income", "Embedding × Technology", "interaction", 1440.0, 1200.0, 1600.0, 1400.0, 0.0, 3000.0, 0.98),
                ("Income", "all", "total", 9580.0, 9000.0, 9900.0, 9500.0, 0.0, 12000.0, 1.0),
            )
        },
        {"sets": 256, "runs": 1024, "failed": 0, "names": ["Embedding", "Technology"]},
    )


def loops():
    return Found(
        {
            "loops": table(
                "loop name mechanism group kind polarity length variables mean_share",
                ("R1", "Members draw members", "O1", "embedding", "inward", "R", 2, "Area; Planting", 0.3),
                ("B9", "", "", "other", "", "B", 2, "Area; Planting", -0.1),
            ),
            "shares": table("time loop share", (2001.0, "R1", 0.4), (2002.0, "R1", 0.2)),
            "groups": table("time group share", (2001.0, "embedding", 0.4), (2002.0, "embedding", 0.2)),
        },
        {"complete": False, "found": 200, "driving": [{"from": 2001.0, "to": 2002.0, "loop": "R1"}], "notes": []},
    )


def validation(failed=1):
    names = "test subject result figure limit detail"
    return Found(
        {
            "rows": table(
                names,
                ("step halving", "base run", "pass", 0.004, 0.01, "largest change"),
                ("bounds", "Area", "fail", -1.0, 0.0, "least value"),
            ),
            "claims": table(names, ("claims", "O3", "finding", 0.93, NAN, "supported")),
        },
        {"counts": {"pass": 31, "fail": failed, "finding": 2, "skipped": 0}, "runs": 189, "failed": 0},
    )


def data():
    return Found(
        {
            "statistics": table(
                "place variable time value unit relation source reliability note",
                (
                    "Qingxi",
                    "area",
                    "2020",
                    "101",
                    "mu",
                    "=",
                    "Yearbook 2021, table 5",
                    "official",
                    "<script>alert(1)</script>",
                ),
            ),
            "sources": table("file rows sha256", ("county.csv", 1, "cd" * 32)),
            "unused": table("row reason", ("county.csv, row 3", "no unit")),
        },
        {},
    )
