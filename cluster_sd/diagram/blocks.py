"""Stocks and flows in line: the part of a picture that is arranged first, on a grid of columns and rows.

Stocks that flows join form a block. Its longest chain of stocks stands in line, from left to right; what flows in from
outside comes from the left, what flows out goes to the right; further flows of a stock run above and below the line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster_sd.diagram.structure import Pipe

__all__ = ["Block", "Path", "Place", "blocks_of"]

#: Column and row; fractions are allowed.
Place = tuple[float, float]

#: Most stocks in one line, and rows from one line of a block to the next.
LINE, PITCH = 3, 3
#: How far from the middle of a stock a pipe enters it from above or below, in columns; the second one in brackets.
ENTRY = (0.3, 0.12, 0.0)
#: From a valve to its cloud, in columns.
CLOUD = 0.55
#: Rows in which a further flow is tried, as seen from its stock.
TRIED = (0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6)
#: Rows that are tried when those are taken: more than a block can fill.
FAR = 1000


@dataclass(frozen=True)
class Path:
    """Where a pipe runs: from its source (a stock's centre or a cloud) over corners to its target, and its valve.

    `before` is how many of the points come before the valve.
    """

    pipe: Pipe
    points: tuple[Place, ...]
    valve: Place
    before: int


@dataclass(frozen=True)
class Block:
    """Stocks and pipes that are joined: places of the stocks, the pipes, and cells in which nothing else can stand."""

    stocks: Mapping[str, Place]
    paths: tuple[Path, ...]
    taken: frozenset[tuple[int, int]]

    @property
    def reach(self) -> tuple[float, float, float, float]:
        """Least column and row, largest column and row."""
        places = [*self.stocks.values(), *(place for path in self.paths for place in (*path.points, path.valve))]
        columns, rows = zip(*places, strict=True)
        return min(columns), min(rows), max(columns), max(rows)


def blocks_of(stocks: Sequence[str], pipes: Sequence[Pipe]) -> tuple[Block, ...]:
    """Blocks of the stocks of one view, the largest first; a flow whose stocks stand elsewhere is a block too."""
    home = {stock: {stock} for stock in stocks}
    for pipe in pipes:
        if pipe.source in home and pipe.target in home:
            joined = home[pipe.source] | home[pipe.target]
            home |= dict.fromkeys(joined, joined)
    parts = {frozenset(part) for part in home.values()}
    order = {stock: i for i, stock in enumerate(stocks)}
    made = []
    for part in sorted(parts, key=lambda p: (-len(p), min(order[s] for s in p))):
        own = [pipe for pipe in pipes if pipe.source in part or pipe.target in part]
        made.append(_Arranged(sorted(part, key=order.__getitem__), own).block())
    made += [_Arranged([], [p]).block() for p in pipes if p.source not in home and p.target not in home]
    return tuple(made)


class _Arranged:
    """One block as it is being arranged."""

    def __init__(self, stocks: Sequence[str], pipes: Sequence[Pipe]) -> None:
        self.pipes = list(pipes)
        self.at: dict[str, tuple[int, int]] = {}
        self.taken: set[tuple[int, int]] = set()
        self.paths: list[Path] = []
        self.entries: dict[tuple[str, int], int] = {}
        for row, line in enumerate(_lines(stocks, pipes)):
            for i, stock in enumerate(line):
                self.at[stock] = (2 * i + 1, PITCH * row)
        self.taken |= set(self.at.values())

    def block(self) -> Block:
        """Lay all pipes: those between neighbours first, then others between stocks, then those with a cloud."""
        inner = [p for p in self.pipes if p.source in self.at and p.target in self.at]
        for pipe in sorted(inner, key=self._distance):
            self._between(pipe)
        for pipe in self.pipes:
            if pipe not in inner:
                self._outward(pipe)
        return Block(self.at, tuple(self.paths), frozenset(self.taken))

    def _distance(self, pipe: Pipe) -> tuple[int, int]:
        a, b = self.at[pipe.source], self.at[pipe.target]
        return abs(a[1] - b[1]), abs(a[0] - b[0])

    def _between(self, pipe: Pipe) -> None:
        (a, r), (b, s) = self.at[pipe.source], self.at[pipe.target]
        if r == s and a != b:
            middle = (a + b) // 2
            span = range(min(a, b) + 1, max(a, b))
            for k in TRIED:
                cells = {(c, r + k) for c in span}
                if not cells & self.taken:
                    self.taken |= cells
                    self._bridge(pipe, (a, r), (b, s), (middle, r + k))
                    return
        self._bridge(pipe, (a, r), (b, s), self._crossing((a, r), (b, s)))

    def _crossing(self, start: tuple[int, int], end: tuple[int, int]) -> tuple[int, int]:
        """Cell of the valve of a pipe between two lines: in a row whose cells from stock to stock are free."""
        (a, r), (b, s) = sorted((start, end), key=lambda cell: cell[1])
        between = list(range(r + 1, s))
        columns = [c for c in range(min(a, b) - 1, max(a, b) + 2) if c not in (a, b)]
        columns.sort(key=lambda c: abs(2 * c - a - b))
        for clear, far in ((True, max(TRIED)), (False, FAR)):  # a pipe may have to cross others
            for row in (*between, *(row for k in range(1, far) for row in (s + k, r - k))):
                for column in columns:
                    span = {(c, row) for c in range(min(a, b, column), max(a, b, column) + 1)}
                    free = not span & self.taken
                    if free and (not clear or (self._open(a, r, row - r) and self._open(b, s, row - s))):
                        self.taken |= span
                        return column, row
        raise AssertionError("a row beyond all others is free")

    def _bridge(self, pipe: Pipe, start: tuple[int, int], end: tuple[int, int], valve: tuple[int, int]) -> None:
        """A pipe over a valve that may stand in another row than the stocks."""
        first = self._corner(pipe.source, start, valve)
        last = self._corner(pipe.target, end, valve)
        points = (*([start, first] if first else [start]), *([last, end] if last else [end]))
        self.paths.append(Path(pipe, tuple(points), valve, 2 if first else 1))

    def _corner(self, stock: str, at: tuple[int, int], valve: tuple[int, int]) -> Place | None:
        """Where the pipe turns towards the stock; None where the valve stands in the stock's row."""
        if valve[1] == at[1]:
            return None
        side = 1 if valve[0] > at[0] else -1
        way = 1 if valve[1] > at[1] else -1
        number = self.entries.get((stock, side * way), 0)
        self.entries[stock, side * way] = number + 1
        self.taken |= {(at[0], row) for row in range(min(at[1], valve[1]), max(at[1], valve[1]) + 1)}
        return at[0] + side * ENTRY[min(number, len(ENTRY) - 1)], valve[1]

    def _outward(self, pipe: Pipe) -> None:
        """A pipe with one end outside: to the right where it leaves, from the left where it comes in."""
        stock = pipe.source if pipe.source in self.at else pipe.target
        if stock not in self.at:
            self._alone(pipe)
            return
        column, row = self.at[stock]
        side = 1 if stock == pipe.source else -1
        k = self._row_beside(column, row, side)
        valve = (column + side, row + k)
        self.taken |= {valve, *([(column, row + k)] if k else [])}
        corner = self._corner(stock, (column, row), valve)
        cloud = (valve[0] + side * CLOUD, valve[1])
        way = [(column, row), *([corner] if corner else []), cloud]
        before = len(way) - 1
        if side < 0:
            way, before = way[::-1], 1
        self.paths.append(Path(pipe, tuple(way), valve, before))

    def _row_beside(self, column: int, row: int, side: int) -> int:
        """Row, as seen from a stock, for the valve of a flow to its side: clear of pipes if that can be."""
        free = [k for k in TRIED if (column + side, row + k) not in self.taken]
        for k in free:
            if self._open(column, row, k) and self._open_beyond((column + side, row + k), side):
                return k
        return free[0] if free else next(k for k in range(1, FAR) if (column + side, row + k) not in self.taken)

    def _open(self, column: int, row: int, k: int) -> bool:
        """Whether nothing stands between a stock and the row `k` from its own, but pipes that turn to it."""
        step = 1 if k > 0 else -1
        others = {cell for stock, cell in self.at.items()}
        valves = {path.valve for path in self.paths}
        return all((column, row + i) not in others | valves for i in range(step, k + step, step) if k)

    def _open_beyond(self, valve: tuple[int, int], side: int) -> bool:
        """Whether a valve's cloud stands clear of stocks and valves."""
        beyond = (valve[0] + side, valve[1])
        return beyond not in self.at.values() and beyond not in {path.valve for path in self.paths}

    def _alone(self, pipe: Pipe) -> None:
        """A flow between places outside the view."""
        self.taken.add((1, 0))
        self.paths.append(Path(pipe, ((1 - CLOUD, 0), (1 + CLOUD, 0)), (1, 0), 1))


def _lines(stocks: Sequence[str], pipes: Sequence[Pipe]) -> Iterator[list[str]]:
    """Stocks in lines: the longest chain of flows first, then that of what is left."""
    left = list(stocks)
    while left:
        chain = _longest(left, pipes)
        left = [stock for stock in left if stock not in chain]
        for first in range(0, len(chain), LINE):
            yield chain[first : first + LINE]


def _longest(stocks: Sequence[str], pipes: Sequence[Pipe]) -> list[str]:
    """The longest way along flows that meets no stock twice; the first one found of those."""
    after = {s: [p.target for p in pipes if p.source == s and p.target in stocks and p.target != s] for s in stocks}
    best: list[str] = []
    tried = 0
    for start in stocks:
        waiting = [[start]]
        while waiting and tried < 20_000:
            tried += 1
            way = waiting.pop()
            if len(way) > len(best):
                best = way
            waiting += [[*way, following] for following in reversed(after[way[-1]]) if following not in way]
    return best
