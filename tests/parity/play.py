"""One case on both twins: its runs, and what differs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.parity import compare
from tests.parity.compare import Difference, Events, Side
from tests.parity.corpus import Case
from tests.parity.twins import Run, Twin


def play(case: Case, pair: tuple[Twin, Twin]) -> list[Difference]:
    """Every run of a case, both engines at once; all differences, known ones too."""
    with ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.map(lambda twin: twin.play(case), pair)
    return [
        difference
        for mine, other in zip(ours, theirs, strict=True)
        for difference in _differences(case, mine, other, pair)
    ]


def _differences(case: Case, ours: Run, theirs: Run, pair: tuple[Twin, Twin]) -> list[Difference]:
    found = compare.records(case, ours.name, Side.of(theirs.events, pair[1]), Side.of(ours.events, pair[0]))
    middle = _seen(ours.events), _seen(theirs.events)
    if middle[0] and middle[1]:
        found += compare.states(
            case.name,
            f"{ours.name}, before the cleaning up",
            (theirs.before, middle[1]),
            (ours.before, middle[0]),
            pair,
        )
    after = (theirs.before, theirs.after), (ours.before, ours.after)
    return found + compare.states(case.name, ours.name, *after, pair)


def _seen(events: Events) -> dict[str, Any] | None:
    return next((event["state"] for event in events if event["event"] == "state"), None)
