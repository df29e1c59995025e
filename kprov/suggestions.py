"""The word that a user probably meant: a name with a typing mistake, and no other name that looks like it."""

from __future__ import annotations

from collections.abc import Iterable

#: Letters of the longer word that allow one mistake, and of the shorter word that allow two.
_ONE, _TWO = 4, 8


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that differs by case or a typing mistake, or None.

    Mistakes are a letter added, missing or wrong, and two neighbours swapped. Names of three letters differ
    in as little from other names that are meant, so they allow none.
    """
    near = []
    for name in set(known) - {word}:
        shorter, longer = sorted((len(word), len(name)))
        allowed = (longer >= _ONE) + (shorter >= _TWO)
        # Cheap bounds first: there are hundreds of names.
        if longer - shorter > allowed or len({*word.lower()} ^ {*name.lower()}) > 2 * allowed:
            continue
        mistakes = _mistakes(word.lower(), name.lower())
        if mistakes <= allowed:
            near.append((mistakes, name))
    return min(near)[1] if near else None


def hint(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'NAME'?` to end a message with, or nothing."""
    name = closest(word, known)
    return "" if name is None else f"; did you mean {name!r}?"


def _mistakes(word: str, other: str) -> int:
    """Return the optimal string alignment distance: edits of single letters and swaps of neighbours."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, letter in enumerate(word, 1):
        previous, before = before, row
        row = [number]
        for place, wanted in enumerate(other, 1):
            cost = min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != wanted))
            if number > 1 and place > 1 and letter == other[place - 2] and word[number - 2] == wanted:
                cost = min(cost, previous[place - 2] + 1)
            row.append(cost)
    return row[-1]
