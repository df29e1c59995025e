"""Retry-After of rejected requests."""

from __future__ import annotations

from kprov.kube.apiserver.flowcontrol.retry_after import RetryAfter


def told(*refused: tuple[int, int]) -> list[int]:
    """Return Retry-After after each pair of (second, requests rejected in it)."""
    later = RetryAfter()
    found = []
    for second, count in refused:
        for _ in range(count):
            later.count_refusal(second)
        found.append(later.seconds)
    return found


def test_a_few_refusals_change_nothing() -> None:
    assert told((100, 1), (101, 2), (102, 1)) == [1, 1, 1]


def test_a_level_that_goes_on_refusing_says_later_and_later_up_to_a_bound() -> None:
    seconds = told(*((100 + second, 100) for second in range(70)))
    assert seconds[:8] == [1, 2, 2, 4, 4, 4, 4, 8]
    assert max(seconds) == seconds[-1] == 32


def test_it_shrinks_when_hardly_anything_is_refused() -> None:
    assert told((100, 9), (101, 9), (103, 9), (120, 1), (140, 1), (160, 1))[2:] == [4, 3, 2, 1]
