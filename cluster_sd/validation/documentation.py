"""Documentation coverage: a unit, a line of documentation and the evidence of every variable.

The counts are those of SDM-Doc (Martinez-Moyano 2012), with evidence added: where most variables of a model name in
brackets what they rest on (``[O13]``, ``[assumption: …]``), all must.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cluster_sd.validation.result import FAIL, PASS, SKIPPED, Row

if TYPE_CHECKING:
    from cluster_sd.simulate.metadata import Variable
    from cluster_sd.validation.case import Case

__all__ = ["NAME", "check_documentation"]

NAME = "documentation"
_EVIDENCE = re.compile(r"\[[^\]]*\w[^\]]*\]")


def check_documentation(case: Case) -> Iterator[Row]:
    """A row each for units, documentation and evidence."""
    variables = [v for v in case.model.metadata.variables if v.kind != "control"]
    if not variables:
        yield Row(NAME, "all variables", SKIPPED, detail="the model has no variables")
        return
    yield _share(case, "units", "have a unit", variables, [v for v in variables if not v.unit.strip()])
    without = [v for v in variables if not re.search(r"\w", _EVIDENCE.sub("", v.documentation))]
    yield _share(case, "documentation", "have documentation", variables, without)
    bare = [v for v in variables if not _EVIDENCE.search(v.documentation)]
    if 2 * len(bare) > len(variables):
        yield Row(NAME, "evidence", SKIPPED, detail="most variables name no evidence in brackets, so none is asked for")
    else:
        yield _share(case, "evidence", "name their evidence in brackets", variables, bare)


def _share(case: Case, subject: str, what: str, every: Sequence[Variable], missing: Sequence[Variable]) -> Row:
    share = 1 - len(missing) / len(every)
    told = "; ".join(f"{v.name} ({case.place(v.name)})" for v in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    detail = f"share of {len(every)} variables that {what}" + (f"; not {told}{more}" if missing else "")
    return Row(NAME, subject, FAIL if missing else PASS, share, 1.0, detail)
