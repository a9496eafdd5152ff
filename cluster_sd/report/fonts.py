"""The font of Chinese letters that comes with the package: for figures, and as much of it as a page needs.

The file is a subset of Noto Sans CJK SC; its licence, the SIL Open Font License, lies beside it.
"""

from __future__ import annotations

import io
from contextlib import ExitStack
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

__all__ = ["FAMILY", "face", "path", "subset"]

#: Name of the font's family.
FAMILY = "Cluster CJK"
#: The first letter that a page may need it for: the punctuation before the Chinese letters.
FIRST = "\u2e80"

_open = ExitStack()


@cache
def path() -> Path:
    """The font's file."""
    return _open.enter_context(as_file(files("cluster_sd.report").joinpath("fonts", "ClusterCJK-Regular.otf")))


@cache
def subset(characters: frozenset[str]) -> bytes:
    """The font with these characters alone, as WOFF; the same bytes each time."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    options = Options(layout_features=[], name_IDs=["*"], notdef_outline=True, glyph_names=False)
    font = TTFont(path(), recalcTimestamp=False, recalcBBoxes=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[ord(character) for character in characters])
    subsetter.subset(font)
    font.flavor = "woff"
    made = io.BytesIO()
    font.save(made)
    return made.getvalue()


def face(text: str) -> str:
    """The rule by which a page brings the font for its own text; empty where no letter needs it.

    Fonts of the reader's machine go first: this one is for machines without Chinese letters.
    """
    import base64

    wanted = frozenset(c for c in set(text) if c >= FIRST)
    if not wanted:
        return ""
    # what stands between Chinese letters comes from the same font
    data = base64.b64encode(subset(wanted | set("“”‘’—…·"))).decode()
    return f'@font-face {{ font-family: "{FAMILY}"; src: url(data:font/woff;base64,{data}) format("woff"); }}'
