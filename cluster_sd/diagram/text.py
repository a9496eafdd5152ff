"""How wide a name is, and how it is broken into lines."""

from __future__ import annotations

import math

__all__ = ["broken", "width"]

#: Width of a letter of a sans serif at size 1: of the wider of the usual fonts, and of a Chinese sign.
LETTER, SIGN = 0.56, 1.02
_NARROW, _BROAD = frozenset("iljtfrI.,:;'|!()[] -"), frozenset("mwMWABCDGHKNOQRUVXYZ%@&")


def width(text: str, size: float) -> float:
    """Width of a text set in letters of a size."""
    total = 0.0
    for letter in text:
        if letter > "\u2e7f":
            total += SIGN
        elif letter in _NARROW:
            total += 0.62 * LETTER
        else:
            total += LETTER * (1.3 if letter in _BROAD else 1.06)
    return total * size


def broken(name: str, size: float, most: float, even: bool = True) -> tuple[str, ...]:
    """A name in lines no wider than `most`, with `even` as even as they can be; a word that is too long is cut."""
    words = [piece for word in name.split() for piece in _pieces(word, size, most)] or [""]
    lines = _filled(words, size, most)
    narrow = most
    while even and narrow > most / 3:
        narrow -= 4
        tried = _filled(words, size, narrow)
        if len(tried) > len(lines) or any(width(line, size) > narrow for line in tried):
            break
        lines = tried
    return tuple(lines)


def _pieces(word: str, size: float, most: float) -> list[str]:
    """A word; one that is too wide in even pieces: Chinese cut between any two signs, another word with a hyphen."""
    if width(word, size) <= most:
        return [word]
    chinese = any(letter > "\u2e7f" for letter in word)
    count = math.ceil(width(word, size) / (most - size))
    step = math.ceil(len(word) / count)
    pieces = [word[i : i + step] for i in range(0, len(word), step)]
    return pieces if chinese else [*(f"{piece}-" for piece in pieces[:-1]), pieces[-1]]


def _filled(words: list[str], size: float, most: float) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        joined = f"{lines[-1]} {word}"
        if width(joined, size) <= most:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines
