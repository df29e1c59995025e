"""Chooses the node whose victims matter least (upstream's pickOneNodeForPreemption)."""

from __future__ import annotations

from collections.abc import Sequence

from kprov.kube.scheduler.preemption.candidates import Candidate
from kprov.kube.scheduler.preemption.victims import Victims, get_start_time

#: Added to each priority, so that fewer victims are better also among negative priorities.
_OFFSET = 2**31


def select_candidate(candidates: Sequence[Candidate]) -> Candidate:
    """Choose by the fewest violated budgets, the lowest priorities, and the fewest victims.

    The exact order: violated budgets, highest priority, sum of priorities, number of victims. Among equal
    candidates, take the one whose most important victims started last, then the first.
    """
    least = min(_rank(candidate.victims) for candidate in candidates)
    equal = [candidate for candidate in candidates if _rank(candidate.victims) == least]
    return max(equal, key=lambda candidate: _get_earliest_start(candidate.victims))


def _rank(victims: Victims) -> tuple[int, int, int, int]:
    pods = victims.pods
    return victims.violations, pods[0].priority, sum(info.priority + _OFFSET for info in pods), len(pods)


def _get_earliest_start(victims: Victims) -> str:
    """Return the earliest start among the victims with the highest priority.

    Start times have one format and compare as text.
    """
    highest = victims.pods[0].priority
    return min(get_start_time(info) for info in victims.pods if info.priority == highest)
