r"""Repairs of equations that are valid but that PySD 3.14.3 can't parse, or parses as something else.

Every repair is a pure function of text, applied before parsing; what it gives means the same to Vensim or Stella. None
looks into quoted names or file names.

============================ ==================================================================================
`continue_lines`             a line that goes on after ``\``; any run of blanks is one
`drop_comments`              ``{a remark}`` inside an equation
`raise_keywords`             ``:and:``, ``:na:``, ``:raw:``, ``with lookup``, ``tabbed array`` in any case
`bind_powers`                ``-2^2`` is -(2^2), as ``-x^2`` is; PySD makes (-2)^2 of it
`bind_logic`                 ``a :AND: b :OR: c`` is (a and b) or c; PySD takes both operators for one
`pair_points`                the old form of a table, ``(x1, x2, x3, y1, y2, y3)``
`split_mappings`             ``a: a1, a2 -> (b: b2, b1)``, a mapping that lists elements
`global_names`               ``TIME STEP$`` in a macro: the model's ``TIME STEP``
`nest_conditions` (XMILE)    ``if a then b else if c then d else e`` in any case, nested without parentheses
`quote_nots` (XMILE)         ``notional`` is a name and not the negation of ``ional``
`call_tables` (XMILE)        ``LOOKUP(table, x)`` is ``table(x)``
`call_macros` (XMILE)        ``TWO WORDS(x)`` calls ``TWO_WORDS(x)``
`quote_flow` (XMILE)         the flow ``in/out,_net`` of a stock
`close_variables` (XMILE)    a ``</flow>`` that the file forgot
============================ ==================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from cluster_sd.model.names import clean

__all__ = [
    "bind_logic",
    "bind_powers",
    "call_macros",
    "call_tables",
    "close_variables",
    "continue_lines",
    "drop_comments",
    "global_names",
    "nest_conditions",
    "pair_points",
    "quote_flow",
    "quote_nots",
    "raise_keywords",
    "repair_vensim",
    "repair_xmile",
    "split_mappings",
]

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUOTED = r"\"(?:\\\"|[^\"])*\"|(?<=[(,])\s*'[^']*'"
_LITERAL = re.compile(f"({_QUOTED})")
_COMMENT = re.compile(r"(\"(?:\\\"|[^\"])*\")|\{[^}]*\}")
_KEYWORD = re.compile(r":\s*[a-z][a-z ]*?\s*:|\b(?:with[\s_]+lookup|tabbed[\s_]+array)(?=\s*\()", re.IGNORECASE)
_SIGNED = rf"[-+]?\s*{_NUMBER}"
_ENCLOSED = rf"(?:{_NUMBER}|\(\s*{_SIGNED}\s*\)|\(\s*\(\s*{_SIGNED}\s*\)\s*\))"
_POWER = re.compile(rf"(?P<before>^|[-+*/^=<>(,:;])(?P<gap>\s*)-\s*(?P<number>{_ENCLOSED})(?=\s*\^)")
_OLD_TABLE = re.compile(rf"^\(\s*(?:\[[^\]]*\]\s*,)?\s*(?P<values>{_SIGNED}(?:\s*,\s*{_SIGNED})+)\s*\)$")
_VENSIM_LOGIC = re.compile(rf"{_QUOTED}|:AND:|:OR:|[(),;]", re.IGNORECASE)
_XMILE_LOGIC = re.compile(rf"{_QUOTED}|\b(?:and|or|if|then|else)\b|[(),;]", re.IGNORECASE)
_MAPPING = re.compile(r"\(\s*(?P<target>\"[^\"]*\"|[^():\"]+):(?P<elements>[^()]*)\)")
_GLOBAL = re.compile(r"(?P<name>[^\W\d](?:[\w' ]*\w)?)\s*\$")


def repair_vensim(equation: str, local: Collection[str] | None = None) -> str:
    """All repairs of one Vensim equation, left side included.

    Parameters
    ----------
    equation : str
        Text before the first ``~`` of an entry.
    local : collection of str, optional
        In a macro: the clean names that the macro has itself.
    """
    text = continue_lines(drop_comments(equation))
    text = pair_points(bind_powers(raise_keywords(text)))
    start = _right_side(text)
    text = text[:start] + bind_logic(text[start:])
    return text if local is None else global_names(text, local)


def repair_xmile(equation: str) -> str:
    """All repairs of one XMILE equation."""
    text = " ".join(drop_comments(equation).split())
    text = _outside(text, lambda part: re.sub(r"\bMOD\b(?!\s*\()", "mod", part, flags=re.IGNORECASE))
    text = quote_nots(nest_conditions(call_tables(bind_powers(text))))
    return bind_logic(text, _XMILE_LOGIC)


def _outside(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to what stands outside quoted names and file names."""
    parts = _LITERAL.split(text)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def _right_side(text: str) -> int:
    """Where the right side of an equation starts; the end of the text if there is no equals sign."""
    for found in re.finditer(r"\"(?:\\\"|[^\"])*\"|\[[^\]]*\]|:?==?", text):
        if found.group()[0] in ":=":
            return found.end()
    return len(text)


def continue_lines(text: str) -> str:
    r"""One line: a backslash at a line's end and any run of blanks become one blank.

    >>> continue_lines("a \\\n\t\t+ b\n\t- c")
    'a + b - c'
    """
    return " ".join(re.sub(r"\\[ \t]*\n", " ", text).split())


def drop_comments(text: str) -> str:
    """Without ``{remarks}``; braces in a quoted name stay.

    >>> drop_comments('2 {per year} * "a {b}"')
    '2   * "a {b}"'
    """
    return _COMMENT.sub(lambda m: m.group(1) or " ", text)


def raise_keywords(text: str) -> str:
    """Keywords in the one form that PySD knows.

    >>> raise_keywords("IF THEN ELSE(a > 1 :and: :Not: b, with_lookup (x, ((0,0),(1,1))), :na:)")
    'IF THEN ELSE(a > 1 :AND: :NOT: b, WITH LOOKUP (x, ((0,0),(1,1))), :NA:)'
    """

    def raised(found: re.Match[str]) -> str:
        word = found.group()
        if word.startswith(":"):
            return f":{' '.join(word[1:-1].split()).upper()}:"
        return re.sub(r"[\s_]+", " ", word).upper()

    return _outside(text, lambda part: _KEYWORD.sub(raised, part))


def bind_powers(text: str) -> str:
    """A minus before a number that is raised belongs to the power.

    >>> bind_powers("y = -2^2"), bind_powers("y = a - 2^2"), bind_powers("y = 30^ - 30^-a")
    ('y = -(0+2)^2', 'y = a - 2^2', 'y = 30^ -(0+30)^-a')
    """
    return _outside(text, lambda part: _POWER.sub(r"\g<before>\g<gap>-(0+\g<number>)", part))


@dataclass
class _Segment:
    """Operands of one chain of ands and ors: where each begins and ends in the output, and whether it has an and."""

    terms: list[list[int]]
    joined: list[bool]


def bind_logic(text: str, pattern: re.Pattern[str] = _VENSIM_LOGIC) -> str:
    """An and binds before an or; PySD takes the operators of a chain for one and the same.

    >>> bind_logic("a :AND: b :OR: c :AND: d")
    '(a :AND: b) :OR: (c :AND: d)'
    """
    out: list[str] = [""]
    stack = [_Segment([[0, 0]], [False])]

    def finish(segment: _Segment) -> None:
        segment.terms[-1][1] = len(out) - 1
        for (first, last), joined in zip(segment.terms, segment.joined, strict=True):
            if joined and len(segment.terms) > 1:
                whole = out[first]
                out[first] = whole[: len(whole) - len(whole.lstrip())] + "(" + whole.lstrip()
                whole = out[last]
                out[last] = whole.rstrip() + ")" + whole[len(whole.rstrip()) :]

    def begin() -> list[int]:
        out.append("")
        return [len(out) - 1, 0]

    last = 0
    for token in pattern.finditer(text):
        word = token.group().upper().strip(":")
        out[-1] += text[last : token.start()]
        last = token.end()
        segment = stack[-1]
        if word == "AND":
            segment.joined[-1] = True
            out[-1] += token.group()
        elif word == "OR":
            segment.terms[-1][1] = len(out) - 1
            out.append(token.group())
            segment.terms.append(begin())
            segment.joined.append(False)
        elif word == "(":
            out[-1] += "("
            stack.append(_Segment([begin()], [False]))
        elif word == ")" and len(stack) > 1:
            finish(stack.pop())
            out += [")"]
        elif word in (",", ";", "IF", "THEN", "ELSE"):
            finish(segment)
            out.append(token.group())
            stack[-1] = _Segment([begin()], [False])
        else:
            out[-1] += token.group()
    out[-1] += text[last:]
    for segment in reversed(stack):
        finish(segment)
    return "".join(out)


def pair_points(text: str) -> str:
    """A table in the old form, all x and then all y, as points.

    >>> pair_points("f(0, 1, 5, 7)")
    'f((0,5),(1,7))'
    """
    start = _table_start(text)
    found = _OLD_TABLE.match(text[start:]) if start else None
    if not found:
        return text
    values = [re.sub(r"\s+", "", v) for v in found["values"].split(",")]
    half = len(values) // 2
    if 2 * half != len(values):
        raise ValueError("a table in the old form needs as many y as x")
    points = ",".join(f"({x},{y})" for x, y in zip(values[:half], values[half:], strict=True))
    return f"{text[:start]}({points})"


def _table_start(text: str) -> int:
    """Where the parenthesis of a table's definition opens, 0 if the text defines something else."""
    for found in re.finditer(r"\"(?:\\\"|[^\"])*\"|\[[^\]]*\]|[(=]", text):
        if found.group() == "(":
            return found.start()
        if found.group() == "=":
            return 0
    return 0


def split_mappings(text: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """A range's definition with its mappings by name alone, and the mappings that list elements.

    PySD adds the listed elements to the range that it defines.

    Returns
    -------
    text : str
        ``(Target: x, y)`` after ``->`` replaced by ``Target``.
    mappings : dict of str to tuple of str
        For each such target, what each element of the defined range is mapped to: an element or a range of elements.

    >>> split_mappings("a: a1, a2 -> (b: b2, b1), c")
    ('a: a1, a2 -> b, c', {'b': ('b2', 'b1')})
    """
    head, arrow, tail = text.partition("->")
    found: dict[str, tuple[str, ...]] = {}

    def named(part: re.Match[str]) -> str:
        found[part["target"].strip()] = tuple(e.strip() for e in part["elements"].split(","))
        return part["target"].strip()

    return head + arrow + (_MAPPING.sub(named, tail) if arrow else ""), found


def global_names(text: str, local: Collection[str]) -> str:
    """In a macro, ``name$`` is the model's own ``name`` unless the macro has a ``name`` of its own.

    >>> global_names("x / TIME STEP$", {"x"})
    'x / TIME STEP'
    """

    def plain(found: re.Match[str]) -> str:
        return found.group() if clean(found["name"]) in local else found["name"]

    return _outside(text, lambda part: _GLOBAL.sub(plain, part))


_WORD = re.compile(r"\"(?:\\\"|[^\"])*\"|[^\W\d][\w.$']*|\S", re.DOTALL)


@dataclass
class _Condition:
    depth: int
    wrapped: bool
    has_else: bool = False


def nest_conditions(text: str) -> str:
    """``IF``, ``THEN``, ``ELSE`` in capitals, and parentheses around a condition inside another.

    >>> nest_conditions("if a > 1 then 2 else if b then 3 else 4")
    'IF a > 1 THEN 2 ELSE (IF b THEN 3 ELSE 4)'
    """
    out: list[str] = []
    stack: list[_Condition] = []
    depth, last, previous = 0, 0, "("

    def close(finished: Callable[[_Condition], bool]) -> None:
        while stack and stack[-1].depth == depth and finished(stack[-1]):
            if stack.pop().wrapped:
                out.append(")")

    for token in _WORD.finditer(text):
        word = token.group()
        gap = text[last : token.start()]
        upper = word.upper()
        if word in (")", ","):
            close(lambda condition: True)
        elif upper == "ELSE":
            before = len(out)
            close(lambda condition: condition.has_else)
            gap = " " if len(out) > before else gap
            if stack:
                stack[-1].has_else = True
        depth += (word == "(") - (word == ")")
        out.append(gap)
        if upper == "IF":
            stack.append(_Condition(depth, wrapped=previous != "("))
            word = "(IF" if stack[-1].wrapped else "IF"
        out.append(upper if upper in ("THEN", "ELSE") else word)
        last, previous = token.end(), word
    return "".join(out) + ")" * sum(condition.wrapped for condition in stack)


_CALLED_TABLE = re.compile(r"\blookup\s*\(\s*([^\W\d]\w*)\s*,\s*", re.IGNORECASE)


def quote_nots(text: str) -> str:
    """A name that begins with ``not`` in quotation marks; PySD reads it as a negation.

    >>> quote_nots("Notional_value * not (a)")
    '"Notional_value" * not (a)'
    """
    return _outside(text, lambda part: re.sub(r"\bnot\w+\b(?!\s*\()", r'"\g<0>"', part, flags=re.IGNORECASE))


def call_tables(text: str) -> str:
    """Stella's ``LOOKUP(table, x)`` as a call of the table.

    >>> call_tables("2 * LOOKUP(effect, MIN(x, 1))")
    '2 * effect(MIN(x, 1))'
    """
    return _outside(text, lambda part: _CALLED_TABLE.sub(r"\1(", part))


_VARIABLE_TAG = re.compile(r"<(?P<close>/?)(?P<kind>aux|flow|stock)\b[^<>]*?(?P<empty>/?)>")


def close_variables(text: str) -> str:
    """An ``<aux>``, ``<flow>`` or ``<stock>`` that isn't closed before the next one begins is closed there.

    >>> close_variables('<variables><flow name="a"><eqn>1</eqn><stock name="b"></stock></variables>')
    '<variables><flow name="a"><eqn>1</eqn></flow><stock name="b"></stock></variables>'
    """
    start, end = text.find("<variables>"), text.rfind("</variables>")
    if start < 0 or end < 0:
        return text
    out, last, open_kind = [], 0, ""
    for tag in _VARIABLE_TAG.finditer(text, start, end):
        if tag["close"]:
            open_kind = ""
        else:
            if open_kind:
                out += [text[last : tag.start()], f"</{open_kind}>"]
                last = tag.start()
            open_kind = "" if tag["empty"] else tag["kind"]
    if open_kind:
        out += [text[last:end], f"</{open_kind}>"]
        last = end
    return "".join(out) + text[last:]


def call_macros(text: str, names: Collection[str]) -> str:
    """The calls of macros whose names hold blanks, written with underscores as XMILE demands.

    >>> call_macros("2 * TWO WORDS (x)", ["Two words"])
    '2 * TWO_WORDS (x)'
    """
    for name in names:
        pattern = r"\b" + r"[\s_]+".join(map(re.escape, re.split(r"[\s_]+", name.strip()))) + r"(?=\s*\()"
        text = _outside(
            text, lambda part, p=pattern: re.sub(p, lambda m: "_".join(m.group().split()), part, flags=re.IGNORECASE)
        )
    return text


def quote_flow(name: str) -> str:
    """The name of a stock's flow as an equation can hold it.

    >>> quote_flow("births"), quote_flow("births[region]"), quote_flow("in/out,_net")
    ('births', 'births[region]', '"in/out,_net"')
    """
    name = name.strip()
    return name if re.fullmatch(r"\w+(\s*\[[^\]]*\])?|\".*\"", name) else f'"{name}"'
