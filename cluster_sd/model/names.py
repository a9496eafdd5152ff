r"""When two names are the same.

Vensim and XMILE agree: case, the kind and number of blanks (space, tab, newline, underscore, XMILE's literal ``\n``)
and quotation marks around a name do not count [1]_. This is the only place in the package that says so.

References
----------
.. [1] XMILE 1.0, section 3.2.2, OASIS 2015; Vensim reference manual, "Rules for variable names".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

__all__ = ["clean", "same", "spelled", "split_element", "split_time", "unquote"]

_BLANKS = re.compile(r"(?:\\n|[\s_])+")


def unquote(name: str) -> str:
    """The name without blanks and quotation marks around it.

    >>> unquote(' "rate (per year)" ')
    'rate (per year)'
    """
    text = name.strip()
    while len(text) > 1 and text[0] == '"' and text[-1] == '"' and text[-2] != "\\":
        text = text[1:-1].strip()
    return text


def clean(name: str) -> str:
    r"""The form in which names are compared: lower case, one ``_`` for any run of blanks, no quotes around.

    It is also the form of PySD's references once their quotes are gone, so both sides of an equation meet here.
    ``clean(clean(x)) == clean(x)``.

    >>> clean("Time  Step"), clean("TIME_STEP"), clean('"Time\nstep"')
    ('time_step', 'time_step', 'time_step')
    """
    return _BLANKS.sub("_", unquote(name).lower())


def same(a: str, b: str) -> bool:
    """Whether two spellings mean one thing.

    >>> same("Farmer Capital", "farmer_capital")
    True
    """
    return clean(a) == clean(b)


def spelled(name: str, known: Mapping[str, str]) -> str | None:
    """A name in the model's own spelling, ``None`` if the model hasn't got it.

    Parameters
    ----------
    name : str
        As somebody wrote it; an element ``Name[a,b]`` of a known ``Name`` is known.
    known : mapping of str to str
        The model's names by their clean form.

    >>> spelled("farmer_CAPITAL[ north ]", {"farmer_capital": "Farmer capital"})
    'Farmer capital[north]'
    """
    if clean(name) in known:
        return known[clean(name)]
    base, elements = split_element(name)
    if elements and clean(base) in known:
        return f"{known[clean(base)]}[{','.join(elements)}]"
    return None


def split_element(name: str) -> tuple[str, tuple[str, ...]]:
    """A variable's name and its subscripts.

    >>> split_element("Stock[north, old]")
    ('Stock', ('north', 'old'))
    >>> split_element('"yield [kg/mu]"')
    ('"yield [kg/mu]"', ())
    """
    text = name.strip()
    if not text.endswith("]"):
        return text, ()
    start = _opening(text)
    if start <= 0:
        return text, ()
    return text[:start].strip(), tuple(part.strip() for part in _commas(text[start + 1 : -1]))


def _opening(text: str) -> int:
    """Index of the first bracket outside quotes, or -1."""
    quoted = False
    for i, c in enumerate(text):
        if c == '"' and (i == 0 or text[i - 1] != "\\"):
            quoted = not quoted
        elif c == "[" and not quoted:
            return i
    return -1


def _commas(text: str) -> list[str]:
    return re.findall(r'(?:"(?:\\"|[^"])*"|[^,"])+', text) or [text]


_TIMED = re.compile(r"(?P<name>.*\S)\s*@\s*(?P<time>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.DOTALL)


def split_time(text: str, is_name: Callable[[str], bool] | None = None) -> tuple[str, float | None]:
    """``Name@2025`` as a name and the time from which a change acts; without one the time is ``None``.

    Parameters
    ----------
    text : str
        A name, with or without a time.
    is_name : callable, optional
        Says whether a text is a name of the model; a name that ends like a time is then a name.

    Examples
    --------
    >>> split_time("Premium share@2025"), split_time("Premium share")
    (('Premium share', 2025.0), ('Premium share', None))
    """
    text = text.strip()
    found = _TIMED.fullmatch(text)
    if found is None or (is_name is not None and is_name(text)):
        return text, None
    return found["name"].strip(), float(found["time"])
