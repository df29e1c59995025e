"""What a scheduler knew when it chose the node of a pod, read from its log at --v=4.

A watch delivers the changes of a kind in the order of their resource versions. A scheduler whose watch has applied
version 100 knows the sizes that all nodes had at version 100; what came later, it cannot know. So a node that is
too small by what was applied is always an error, and one that shrank later never is. No time is involved.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.schedulers import TESTED

#: Another scheduler does not say what it knew. It may hear so late of a change, with a held watch on a slow machine.
_LATE_SECONDS: Final = 5.0
Events = Sequence[tuple[str, JsonObject]]
#: The line of decision_log.py, after klog's header.
_LINE: Final = re.compile(
    r"^.(?P<time>\d{4} \d\d:\d\d:\d\d\.\d{6}) +(?P<process>\d+) decision_log\.py:\d+\] "
    r"pod (?P<pod>\S+) with UID (?P<uid>\S+) gets node (?P<node>\S+) "
    r"\(resource version (?P<version>\d*); applied changes: nodes (?P<nodes>\d*), pods (?P<pods>\d*)\)$"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A scheduler has chosen a node for a pod. time: of the system's clock, in seconds."""

    #: The process. It knows its own decisions before any watch shows them.
    scheduler: str
    time: float
    uid: str
    node: str
    #: It knew the node as of this resource version, and all pods that had a node at the other one.
    node_version: int
    pods_version: int


def collect_decisions(logs: Iterable[Path], pods: Events, nodes: Events) -> list[Decision]:
    """From the logs. Another scheduler than ours has no such lines: then there are assumptions."""
    if TESTED in os.environ:
        return assume_decisions(pods, nodes, _LATE_SECONDS)
    return read_decisions(logs)


def read_decisions(logs: Iterable[Path]) -> list[Decision]:
    """Of all processes that wrote these logs."""
    return [
        Decision(
            scheduler=f"{log.name} {found['process']}",
            time=_parse_time(found["time"]),
            uid=found["uid"],
            node=found["node"],
            # While a new list arrives, single nodes may be newer than all of them together.
            node_version=max(int(found["version"] or 0), int(found["nodes"] or 0)),
            pods_version=int(found["pods"] or 0),
        )
        for log in logs
        for found in map(_LINE.match, log.read_text().splitlines())
        if found
    ]


def _parse_time(text: str) -> float:
    """klog's time is the local one, without a year."""
    year = datetime.now(UTC).astimezone().year
    return datetime.strptime(f"{year}{text}", "%Y%m%d %H:%M:%S.%f").astimezone().timestamp()


def assume_decisions(pods: Events, nodes: Events, late_seconds: float) -> list[Decision]:
    """For a scheduler without that log: it knows what is older than `late_seconds`, and what its name bound."""
    decisions: list[Decision] = []
    bound: set[str] = set()
    for _, pod in pods:
        uid, moment = pod["metadata"]["uid"], pod["seen"]
        if not pod["node"] or uid in bound:
            continue
        bound.add(uid)
        known = [
            max(
                (int(each["metadata"]["resourceVersion"]) for _, each in events if each["seen"] <= end),
                default=0,
            )
            for events, end in ((nodes, moment - late_seconds), (pods, moment - late_seconds))
        ]
        decisions.append(Decision(pod["scheduler"], moment, uid, pod["node"], *known))
    return decisions
