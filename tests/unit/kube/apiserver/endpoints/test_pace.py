"""How often a watch is written to."""

from kprov.kube.apiserver.endpoints.pace import BURST, RATE, Pace


def writes(gap: float, events: int) -> tuple[int, float]:
    """Writes for events that come so many seconds after one another, and the longest that one of them waits."""
    pace, count, longest, due = Pace(), 0, 0.0, 0.0
    for number in range(events):
        now = 1000 + number * gap
        if now < due:
            continue  # goes with the write that waits
        wait = pace.wait(now)
        due = now + wait
        longest = max(longest, wait)
        count += 1
    return count, longest


def test_few_events_go_at_once() -> None:
    assert writes(1.01 / RATE, 1000) == (1000, 0.0)


def test_a_burst_goes_at_once() -> None:
    assert writes(0.0, int(BURST))[1] == 0.0


def test_many_events_share_writes_that_keep_the_rate() -> None:
    count, longest = writes(0.001, 10_000)
    assert count <= 10 * RATE + BURST + 1
    assert longest <= 1.01 / RATE


def test_credit_comes_back() -> None:
    pace = Pace()
    for _ in range(200):
        pace.wait(1.0)
    assert pace.wait(1.0) > 0
    assert pace.wait(1000.0) == 0.0
