r"""Views as Vensim's sketch, and their way into a model file.

A sketch is a header a view, then a line an object: ``10`` a word (a variable), ``11`` a valve, ``12`` a cloud, ``1`` an
arrow or a side of a pipe [1]_. Views follow the equations, from ``\\\---///`` to ``///---\\\``; Vensim's settings come
last and are kept, and so is every byte of the equations.

What a picture shows and a sketch can't, in terms that Vensim reads: a flow without a name has no valve, what stands in
it acts on its stock; a pipe that ends in another view's stock ends in a cloud; two bars for a delay are left out.

References
----------
.. [1] Vensim help, Appendix, Files, .mdl model files: Sketch information.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster_sd.diagram.structure import Structure
from cluster_sd.diagram.view import Arrow, Flow, Node, View, shifted
from cluster_sd.errors import InputError, ModelError
from cluster_sd.model.text import decode

__all__ = ["check_writable", "sketch_text", "with_views", "write_views"]

_HEAD = (
    "\\\\\\---/// Sketch information - do not modify anything except names\n"
    "V300  Do not put anything below this section - it will be ignored\n"
)
_STYLE = "$192-192-192,0,Arial|9||0-0-0|0-0-0|0-0-255|-1--1--1|-1--1--1|96,96,100,0\n"
_END = "///---\\\\\\\n"
_GREY = ",128-128-128,0-0-0,|8||128-128-128"
_SKETCH = re.compile(rb"^\\{2,3}---///", re.MULTILINE)
_TAIL = re.compile(rb"^///---\\{2,3}|^:L\x7f?<%\^E!@", re.MULTILINE)

#: Room above a view, for its title where a program shows all views below each other.
_TOP = 28.0

#: Bits of a word: arrows may enter and leave, or only leave (what is repeated from elsewhere).
_OPEN, _SHADOW = 3, 2
#: Shapes of arrows: a pipe with a head and one without, and an arc through a point.
_PIPE, _BARE, _ARC = 4, 100, 1


def sketch_text(views: Sequence[View], structure: Structure) -> str:
    r"""The sketch of some views, from the first ``\\\---///`` up to, not including, ``///---\\\``."""
    return "".join(
        f"{_HEAD}*{_title(view.title)}\n{_STYLE}{''.join(_View(shifted(view, 0.0, _TOP), structure).lines())}"
        for view in views
    )


def _title(title: str) -> str:
    """A title on one line."""
    return " ".join(title.split())


class _View:
    """Lines of one view."""

    def __init__(self, view: View, structure: Structure) -> None:
        self.view, self.structure = view, structure
        self.number: dict[int, int] = {}  # node -> number of the object that arrows join
        self.count = 0

    def lines(self) -> Iterator[str]:
        flows = [flow for flow in self.view.flows if self.view.nodes[flow.valve].kind == "flow"]
        valves = {flow.valve for flow in flows}
        for i, node in enumerate(self.view.nodes):
            if i not in valves and node.kind not in ("cloud", "valve") and not node.key.startswith("end "):
                self.number[i] = self._next()
                yield self._word(node, self.number[i])
        for flow in flows:
            yield from self._flow(flow)
        seen = set()
        for arrow in self.view.arrows:
            pair = self._ends(arrow)
            if pair is not None and pair not in seen:
                seen.add(pair)
                yield self._arrow(arrow, *pair)

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _word(self, node: Node, number: int) -> str:
        left, top, right, bottom = node.box
        x, y = round((left + right) / 2), round((top + bottom) / 2)
        half = f"{round((right - left) / 2) + 2},{round((bottom - top) / 2) + 1}"
        name = self.structure.things[node.key].written
        if node.shadow:
            return f"10,{number},{name},{x},{y},{half},8,{_SHADOW},0,3,-1,0,0,0{_GREY}\n"
        shape = 3 if node.kind == "stock" else 8
        return f"10,{number},{name},{x},{y},{half},{shape},{_OPEN},0,0,0,0,0,0\n"

    def _flow(self, flow: Flow) -> Iterator[str]:
        """Clouds, both sides of the pipe, the valve and, right behind it, the flow's name."""
        nodes = self.view.nodes
        ends = []
        for i in (flow.start, flow.end):
            if i not in self.number:
                self.number[i] = self._next()
                yield f"12,{self.number[i]},48,{round(nodes[i].x)},{round(nodes[i].y)},10,8,0,3,0,0,-1,0,0,0\n"
            ends.append(self.number[i])
        first, second, valve, name = (self._next() for _ in range(4))
        node = nodes[flow.valve]
        for number, end, other, corners, shape in (
            (first, ends[1], nodes[flow.end], flow.after, _PIPE),
            (second, ends[0], nodes[flow.start], flow.before, _PIPE if flow.both else _BARE),
        ):
            x, y = corners[0] if corners else ((node.x + other.x) / 2, node.y)
            yield f"1,{number},{valve},{end},{shape},0,0,22,0,0,0,-1--1--1,,1|({round(x)},{round(y)})|\n"
        yield f"11,{valve},0,{round(node.x)},{round(node.y)},6,8,34,3,0,0,1,0,0,0\n"
        half = max(round((node.box[2] - node.box[0]) / 2), 8)
        tall = round((node.box[3] - node.y - 8) / 2)
        written = self.structure.things[node.key].written
        yield f"10,{name},{written},{round(node.x)},{round(node.y + 8 + tall)},{half},{tall},40,3,0,0,-1,0,0,0\n"
        self.number[flow.valve] = name

    def _ends(self, arrow: Arrow) -> tuple[int, int] | None:
        """Numbers of what an arrow joins; one to a flow without a name goes to its stock."""
        nodes = self.view.nodes
        target = arrow.target
        if nodes[target].kind == "valve":
            flow = next(f for f in self.view.flows if f.valve == target)
            target = next(i for i in (flow.end, flow.start) if nodes[i].kind == "stock" and not nodes[i].shadow)
        if target == arrow.source:
            return None
        return self.number[arrow.source], self.number[target]

    def _arrow(self, arrow: Arrow, source: int, target: int) -> str:
        x, y = arrow.curve.middle
        sign = {1: ord("+"), -1: ord("-"), 0: 0}[self._sign(arrow)]
        return f"1,{self._next()},{source},{target},{_ARC},0,{sign},0,0,64,0,-1--1--1,,1|({round(x)},{round(y)})|\n"

    def _sign(self, arrow: Arrow) -> int:
        """Of an arrow that goes to a stock in place of what leaves it, the sign turns."""
        target = self.view.nodes[arrow.target]
        if target.kind != "valve":
            return arrow.sign
        flow = next(f for f in self.view.flows if f.valve == arrow.target)
        leaves = self.view.nodes[flow.end].kind != "stock" or self.view.nodes[flow.end].shadow
        return -arrow.sign if leaves else arrow.sign


def with_views(data: bytes, views: Sequence[View], structure: Structure, path: Path) -> bytes:
    """A model file's bytes with its sketch replaced.

    Raises
    ------
    ModelError
        Where the file's encoding can't hold this, or it is no Vensim model.
    """
    decode(data, path)
    if b"\0" in data:
        raise ModelError("is encoded in UTF-16; save it as UTF-8 to have views written into it", path)
    sketch, tail = _SKETCH.search(data), _TAIL.search(data)
    cut = min([m.start() for m in (sketch, tail) if m] or [len(data)])
    head = data[:cut]
    rest = data[tail.start() :] if tail else b""
    newline = "\r\n" if b"\r\n" in data else "\n"
    if head and not head.endswith((b"\n", b"\r")):
        head += newline.encode()
    text = sketch_text(views, structure) + ("" if rest.startswith(b"///---") else _END)
    try:
        made = text.replace("\n", newline).encode(_encoding(data))
    except UnicodeEncodeError as error:
        raise ModelError(f"its encoding ({error.encoding}) can't hold '{error.object[error.start]}'", path) from None
    return head + made + rest


def _encoding(data: bytes) -> str:
    """In which encoding a file is that :func:`cluster_sd.model.text.decode` has read."""
    wanted = decode(data, Path("model.mdl"))
    named = re.match(rb"^\s*\{\s*([A-Za-z0-9._-]+)\s*\}", data)
    for encoding in ("utf-8", *([named[1].decode()] if named else ()), "gb18030", "cp1252", "latin-1"):
        try:
            text = data.removeprefix(b"\xef\xbb\xbf").decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if text.replace("\r\n", "\n").replace("\r", "\n") == wanted:
            return encoding
    return "utf-8"


def check_writable(path: Path) -> None:
    """Refuse a model file that views can't be written into.

    Raises
    ------
    InputError
        For a file that is no ``.mdl``, or may not be written.
    """
    if path.suffix.lower() != ".mdl":
        raise InputError(f"--write-views: {path} is no .mdl file; views are written into Vensim's .mdl files alone")
    mode = path.stat().st_mode
    if not (mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) and os.access(path, os.W_OK)):
        raise InputError(f"--write-views: {path} is read-only; make it writable, or copy it and name the copy")
    if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        raise InputError(f"--write-views: no right to write into {path.resolve().parent}")


def write_views(path: Path, views: Sequence[View], structure: Structure) -> bool:
    """Replace the sketch of a ``.mdl`` file by some views, whole or not at all; whether that changed a byte.

    Raises
    ------
    InputError
        As :func:`check_writable` and :func:`with_views`, or where the file can't be written.
    """
    check_writable(path)
    final = path.resolve()
    before = final.read_bytes()
    after = with_views(before, views, structure, path)
    if after == before:
        return False
    temporary = final.with_name(f".{final.name}.views.tmp")
    try:
        temporary.write_bytes(after)
        shutil.copymode(final, temporary)
        os.replace(temporary, final)
    except OSError as error:
        raise InputError(f"--write-views: {path} can't be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return True
