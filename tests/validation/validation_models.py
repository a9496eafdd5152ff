"""Small models with and without faults, for the tests of validation."""

from __future__ import annotations

from pathlib import Path

CONTROL = """
INITIAL TIME = 2000 ~ year ~ Start |
FINAL TIME = 2010 ~ year ~ End |
TIME STEP = 0.0625 ~ year ~ Step |
SAVEPER = 0.25 ~ year ~ Saving |
"""
#: A fund that is paid into and out of, on an orchard of some area.
FUND = (
    """{{UTF-8}}
Fund = INTEG (Levy - Relief, Initial fund) ~ yuan ~ Money set aside [O13] |
Initial fund = 100 ~ yuan ~ What there is at first [assumption] |
Levy = Levy rate * Area ~ yuan/year ~ Paid in [O13] |
Relief = Fund / Payout time ~ yuan/year ~ Paid out [O13] |
Levy rate = 2 ~ yuan/mu/year ~ What a mu pays [O13] |
Area = 50 ~ mu ~ Area under trees [county.csv area] |
Payout time = 4 ~ year ~ Years until money is spent [assumption] |
Covered share = Fund / (Fund + Initial fund) ~ dmnl ~ Share that is covered [O13] |
{more}
"""
    + CONTROL
)


def fund(folder: Path, more: str = "", **changes: str) -> Path:
    """The fund's model with further equations, and lines changed: ``Levy="Levy = 1 ~ yuan/year ~ [O1] |"``."""
    text = FUND.format(more=more)
    for name, line in changes.items():
        old = next(one for one in text.splitlines() if one.startswith(f"{name.replace('_', ' ')} ="))
        text = text.replace(old, line)
    path = folder / "fund.mdl"
    path.write_text(text, encoding="utf-8")
    return path
