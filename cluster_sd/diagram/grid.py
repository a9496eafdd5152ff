"""Where everything of a view stands: blocks of stocks and flows first, all else in the cells around them.

A spring layout (Kamada and Kawai 1989, Information Processing Letters 31, by igraph) says what belongs near what;
blocks and variables then take cells of a grid by optimal assignment, so that no name can cover another; and moves and
swaps go on as long as they make arrows shorter, keep them off names, or take crossings away. No random numbers are
drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from cluster_sd.diagram.blocks import Block, Place

__all__ = ["Room", "placed"]

#: Weights of what a placement costs: an arrow that runs over a name, two that cross, a column from the middle; lengths
#: of arrows count in columns.
OVER, CROSS, DRAWN = 2.4, 0.5, 0.06
#: Rounds of moves, cells and swaps that are tried for each variable, and spare cells for each ten variables.
ROUNDS, TRIED, SWAPS, SPARE = 7, 24, 3, 4
#: Columns of the grid of a view; rows that are kept free between blocks.
COLUMNS, APART = 8, 1

Array = np.ndarray


class Room:
    """What is to be placed, by number: first the fixed things of the blocks, then the free ones.

    Parameters
    ----------
    blocks : sequence of Block
    free : sequence of str
        Keys of what stands in one cell each.
    arrows : sequence of (str, str)
        Keys of free things, stocks or pipes.
    half : mapping of str to (float, float)
        Half the width and height of each thing, in columns and rows.
    columns : int
        Of the grid, unless a block is wider.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        free: Sequence[str],
        arrows: Sequence[tuple[str, str]],
        half: Mapping[str, tuple[float, float]],
        columns: int = COLUMNS,
    ) -> None:
        self.blocks, self.free, self.half, self.columns = blocks, list(free), half, columns
        self.fixed = [key for block in blocks for key in _things(block)]
        self.number = {key: i for i, key in enumerate([*self.fixed, *self.free])}
        pairs = {(self.number[a], self.number[b]) for a, b in arrows if a in self.number and b in self.number}
        self.arrows = np.array(sorted(pair for pair in pairs if pair[0] != pair[1]), dtype=int).reshape(-1, 2)


def _things(block: Block) -> dict[str, Place]:
    """Stocks and valves of a block with their places in it."""
    return {**block.stocks, **{path.pipe.key: path.valve for path in block.paths}}


def placed(room: Room) -> tuple[list[Place], dict[str, Place]]:
    """Places of the blocks (of their own column and row 0) and of the free things."""
    targets = _spring(room)
    columns = max([room.columns, *(math.ceil(_size(block)[0]) for block in room.blocks)])
    cells = sum(_size(b)[0] * (_size(b)[1] + 0.5) for b in room.blocks)
    cells += len(room.free) * (1 + SPARE / 10) + 2
    rows = max(math.ceil(cells / columns), max((math.ceil(_size(b)[1]) for b in room.blocks), default=1))
    while True:
        offsets = _stand(room.blocks, targets[: len(room.blocks)], columns, rows)
        if offsets is not None:
            cells_left = _cells(room.blocks, offsets, columns, rows)
            if len(cells_left) >= len(room.free) * (1 + SPARE / 20):
                break
        rows += 1
    start = targets[len(room.blocks) :] * (columns - 1, rows - 1)
    where = _Search(room, offsets, cells_left, start).run()
    return offsets, {key: (float(x), float(y)) for key, (x, y) in zip(room.free, where, strict=True)}


def _size(block: Block) -> tuple[float, float]:
    left, top, right, bottom = block.reach
    return right - left + 1, bottom - top + 1


def _spring(room: Room) -> Array:
    """Places from 0 to 1 of the blocks and the free things, each block one point."""
    import igraph

    count = len(room.blocks)
    of = {key: i for i, block in enumerate(room.blocks) for key in _things(block)}
    of |= {key: count + i for i, key in enumerate(room.free)}
    names = [*room.fixed, *room.free]
    pairs = {tuple(sorted((of[names[a]], of[names[b]]))) for a, b in room.arrows.tolist()}
    total = count + len(room.free)
    graph = igraph.Graph(total, sorted((a, b) for a, b in pairs if a != b))
    if total == 1:
        return np.full((1, 2), 0.5)
    places = np.array(graph.layout_kamada_kawai(maxiter=50 * max(total, 20)).coords, dtype=float)
    places -= places.mean(axis=0)
    _, axes = np.linalg.eigh(places.T @ places)
    places = places @ axes[:, ::-1]
    places *= np.where(np.abs(places.min(axis=0)) > places.max(axis=0), -1.0, 1.0)
    ranks = places.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") / max(total - 1, 1)
    spread = (places - places.min(axis=0)) / np.maximum(np.ptp(places, axis=0), 1e-9)
    return (ranks + spread) / 2


def _stand(blocks: Sequence[Block], targets: Array, columns: int, rows: int) -> list[Place] | None:
    """Places of the blocks near where they want to be, none over another; None where there is no room."""
    found: list[Place] = []
    boxes: list[tuple[float, float, float, float]] = []
    for block, (x, y) in zip(blocks, targets, strict=True):
        left, top, right, bottom = block.reach
        best: tuple[float, float, float] | None = None
        for row in range(math.ceil(-top), rows - math.floor(bottom)):
            for column in range(math.ceil(-left - 0.6), columns - math.floor(right - 0.6)):
                box = (left + column - 0.5, top + row - 0.5, right + column + 0.5, bottom + row + 0.5)
                if box[2] > columns + 0.2 or box[0] < -1.2 or any(_meet(box, other, 0) for other in boxes):
                    continue
                middle = ((box[0] + box[2]) / 2 + 0.5) / columns, ((box[1] + box[3]) / 2 + 0.5) / rows
                cost = ((middle[0] - x) * columns) ** 2 + ((middle[1] - y) * rows) ** 2
                cost += 6 * sum(_meet(box, other, APART) for other in boxes)
                if best is None or cost < best[0] - 1e-9:
                    best = (cost, float(column), float(row))
        if best is None:
            return None
        found.append(best[1:])
        boxes.append((left + best[1] - 0.5, top + best[2] - 0.5, right + best[1] + 0.5, bottom + best[2] + 0.5))
    return found


def _meet(a: tuple[float, ...], b: tuple[float, ...], apart: float) -> bool:
    """Whether two boxes overlap, or stand less than some rows above each other."""
    return a[0] < b[2] - 1e-9 and b[0] < a[2] - 1e-9 and a[1] < b[3] + apart - 1e-9 and b[1] < a[3] + apart - 1e-9


def _cells(blocks: Sequence[Block], offsets: Sequence[Place], columns: int, rows: int) -> Array:
    """Cells that no stock, valve, cloud or pipe stands in."""
    taken = set()
    for block, (x, y) in zip(blocks, offsets, strict=True):
        taken |= {(c + int(x), r + int(y)) for c, r in block.taken}
        for path in block.paths:
            for column, row in (path.points[0], path.points[-1]):
                taken |= {(math.floor(column + x + s), int(row + y)) for s in (0.35, 0.65)}
    free = [(c, r) for r in range(rows) for c in range(columns) if (c, r) not in taken]
    return np.array(free, dtype=float).reshape(-1, 2)


class _Search:
    """Places of the free things in the cells that are left: first by assignment, then by moves and swaps."""

    def __init__(self, room: Room, offsets: Sequence[Place], cells: Array, start: Array) -> None:
        self.room, self.cells = room, cells
        fixed = [
            (x + ox, y + oy)
            for block, (ox, oy) in zip(room.blocks, offsets, strict=True)
            for x, y in _things(block).values()
        ]
        self.first = len(fixed)
        self.at = np.array([*fixed, *start.tolist()], dtype=float).reshape(-1, 2)
        names = [*room.fixed, *room.free]
        self.half = np.array([room.half[name] for name in names], dtype=float).reshape(-1, 2)
        self.touching = [np.flatnonzero((room.arrows == i).any(axis=1)) for i in range(len(names))]

    def run(self) -> Array:
        if len(self.room.free):
            self._assign()
            for _ in range(ROUNDS):
                if not self._round():
                    break
        return self.at[self.first :]

    def _assign(self) -> None:
        """Every free thing to a cell near where it is pulled, all together at the least cost."""
        from scipy.optimize import linear_sum_assignment

        for _ in range(3):
            wish = self.at[self.first :].copy()
            for i in range(len(wish)):
                near = self._neighbours(self.first + i)
                if len(near):
                    wish[i] = 0.35 * wish[i] + 0.65 * self.at[near].mean(axis=0)
            cost = ((wish[:, None] - self.cells[None]) ** 2).sum(axis=2)
            rows, columns = linear_sum_assignment(cost)
            self.at[self.first + rows] = self.cells[columns]

    def _neighbours(self, i: int) -> Array:
        pairs = self.room.arrows[self.touching[i]]
        return np.where(pairs[:, 0] == i, pairs[:, 1], pairs[:, 0])

    def _round(self) -> bool:
        """Try the cells near its neighbours for each free thing; whether anything moved."""
        moved = False
        self.holder = {tuple(place): self.first + i for i, place in enumerate(self.at[self.first :].tolist())}
        for i in range(self.first, len(self.at)):
            near = self._neighbours(i)
            pull = self.at[near].mean(axis=0) if len(near) else self.cells.mean(axis=0)
            distance = ((self.cells - pull) ** 2 * (1.0, 0.8)).sum(axis=1)
            tried = self.cells[np.argsort(distance, kind="stable")[:TRIED]]
            moved |= self._best(i, tried)
        return moved

    def _best(self, i: int, tried: Array) -> bool:
        """Move to the best of some cells that are empty, or change places with who holds one, if that costs less."""
        costs = self._costs(i, np.concatenate([self.at[i : i + 1], tried]))
        here = tuple(self.at[i].tolist())
        order = np.argsort(costs[1:], kind="stable")
        swaps = 0
        for n in order.tolist():
            if costs[1 + n] >= costs[0] - 1e-6 or swaps >= SWAPS:
                return False
            cell = tuple(tried[n].tolist())
            other = self.holder.get(cell)
            if cell == here:
                continue
            if other is None:
                self.at[i] = cell
            elif not self._swap(i, other):
                swaps += 1
                continue
            self.holder[cell] = i
            self.holder.pop(here)
            if other is not None:
                self.holder[here] = other
            return True
        return False

    def _swap(self, i: int, other: int) -> bool:
        """Let two things change places, and keep it so if that costs less."""

        def cost() -> float:
            shared = np.intersect1d(self.touching[i], self.touching[other])
            double = self._costs(i, self.at[i : i + 1]) + self._costs(other, self.at[other : other + 1])
            return float(double[0]) - float(np.hypot(*(self.at[i] - self.at[other]))) * len(shared)

        before = cost()
        self.at[[i, other]] = self.at[[other, i]]
        if cost() < before - 1e-6:
            return True
        self.at[[i, other]] = self.at[[other, i]]
        return False

    def _costs(self, i: int, cells: Array) -> Array:
        """What the placement would cost with a thing in each of some cells, as far as it depends on that."""
        arrows, own, count = self.room.arrows, self.touching[i], len(cells)
        mine = np.tile(arrows[own], (count, 1))
        which = np.repeat(np.arange(count), len(own))
        ends = [np.where((mine[:, n] == i)[:, None], cells[which], self.at[mine[:, n]]) for n in (0, 1)]
        long = np.hypot(*(ends[1] - ends[0]).T)
        rest = np.delete(arrows, own, axis=0)
        a, b = self.at[rest[:, 0]], self.at[rest[:, 1]]
        rows = long + 0.12 * long**2
        everything = np.arange(len(self.at))
        rows += OVER * _over(ends[0], ends[1], mine, self.at, self.half, np.where(everything == i, -1, everything)).sum(
            axis=1
        )
        rows += CROSS * _crossings(ends[0], ends[1], mine, a, b, rest).sum(axis=1)
        middle = self.cells.mean(axis=0)
        costs = np.bincount(which, rows, count) + DRAWN * np.hypot(*(cells - middle).T)
        return costs + OVER * _over(a, b, rest, cells, self.half[i], np.full(count, i)).sum(axis=0)


def _over(start: Array, end: Array, pairs: Array, at: Array, half: Array, who: Array) -> Array:
    """Whether each straight arrow runs over the name of each thing that it does not join, shape (arrow, thing)."""
    way = end - start
    step = np.where(np.abs(way) < 1e-9, 1e-9, way)[:, None]
    one, two = ((at - half)[None] - start[:, None]) / step, ((at + half)[None] - start[:, None]) / step
    enter, leave = np.minimum(one, two).max(axis=2), np.maximum(one, two).min(axis=2)
    hit = (enter < leave) & (leave > 0) & (enter < 1) & (who >= 0)
    return hit & (pairs[:, :1] != who[None]) & (pairs[:, 1:] != who[None])


def _crossings(a: Array, b: Array, ab: Array, c: Array, d: Array, cd: Array) -> Array:
    """Whether straight arrows that share no end cross, shape (first, second)."""
    first, second = (b - a)[:, None], (d - c)[None]
    between = c[None] - a[:, None]
    turn = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    turn = np.where(turn == 0, np.inf, turn)
    s = (between[..., 0] * second[..., 1] - between[..., 1] * second[..., 0]) / turn
    t = (between[..., 0] * first[..., 1] - between[..., 1] * first[..., 0]) / turn
    hit = (s > 1e-6) & (s < 1 - 1e-6) & (t > 1e-6) & (t < 1 - 1e-6)
    for x in (0, 1):
        for y in (0, 1):
            hit &= ab[:, x][:, None] != cd[:, y][None]
    return hit
