"""One case on both twins: its runs, and what differs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.parity import compare
from tests.parity.compare import Difference, Events, Side
from tests.parity.corpus import Case
from tests.parity.twins import Twin


def play(case: Case, pair: tuple[Twin, Twin]) -> list[Difference]:
    """Every run of a case, both engines at once; all differences, known ones too."""
    found: list[Difference] = []
    with ThreadPoolExecutor(2) as pool:
        before = list(pool.map(lambda twin: twin.last_state or twin.state(), pair))
        for run in case.runs:
            records = list(pool.map(lambda twin, run=run: twin.play(case, run), pair))
            ours, theirs = (Side.of(events, twin) for events, twin in zip(records, pair, strict=True))
            found += compare.records(case, run, theirs, ours)
            after = list(pool.map(Twin.state, pair))
            middle = [_seen(events) for events in records]
            if middle[0] and middle[1]:
                found += compare.states(
                    case.name,
                    f"{run}, before the cleaning up",
                    (before[1], middle[1]),
                    (before[0], middle[0]),
                    pair,
                )
            found += compare.states(case.name, run, (before[1], after[1]), (before[0], after[0]), pair)
            before = after
    return found


def _seen(events: Events) -> dict[str, Any] | None:
    return next((event["state"] for event in events if event["event"] == "state"), None)
