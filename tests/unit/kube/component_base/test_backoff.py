"""Delays per key double, end and are forgotten."""

from kprov.kube.component_base.backoff import KeyedBackoff


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_delays_double_up_to_the_maximum() -> None:
    clock = Clock()
    backoff = KeyedBackoff(initial=1, maximum=5, clock=clock)
    delays = []
    for _ in range(4):
        assert backoff.get_remaining("a") == 0
        backoff.record_failure("a")
        delays.append(backoff.get_remaining("a"))
        clock.now += delays[-1]
    assert delays == [1, 2, 4, 5]


def test_keys_have_separate_delays() -> None:
    backoff = KeyedBackoff(initial=1, maximum=5, clock=Clock())
    backoff.record_failure("a")
    assert (backoff.get_remaining("a"), backoff.get_remaining("b")) == (1, 0)


def test_unused_key_starts_again_with_the_first_delay() -> None:
    clock = Clock()
    backoff = KeyedBackoff(initial=1, maximum=5, clock=clock)
    backoff.record_failure("a")
    backoff.record_failure("a")
    clock.now += 11
    backoff.drop_expired()
    backoff.record_failure("a")
    assert backoff.get_remaining("a") == 1


def test_a_delay_since_an_exit_ends_earlier_than_one_since_the_failure_was_recorded() -> None:
    clock = Clock()
    backoff = KeyedBackoff(initial=10, maximum=300, clock=clock)
    backoff.record_failure("a", 990)
    assert (backoff.get_remaining_since("a", 993), backoff.get_remaining("a")) == (3, 10)
    clock.now += 3
    assert (backoff.get_remaining_since("a", 993), backoff.get_remaining("a")) == (0, 7)


def test_restarts_wait_longer_each_time_and_start_anew_after_a_quiet_time() -> None:
    clock = Clock()
    backoff = KeyedBackoff(initial=10, maximum=300, clock=clock)
    assert (backoff.get_delay("a"), backoff.get_remaining_since("a", 1000)) == (0, 0)
    delays = []
    for _ in range(7):
        backoff.record_failure("a", clock.now)
        delays.append(backoff.get_delay("a"))
    assert delays == [10, 20, 40, 80, 160, 300, 300]
    assert backoff.get_remaining_since("a", 1000) == 300
    clock.now += 700
    assert backoff.get_remaining_since("a", clock.now) == 0
    backoff.record_failure("a", clock.now)
    assert backoff.get_delay("a") == 10


def test_a_maximum_below_the_first_delay_bounds_it() -> None:
    backoff = KeyedBackoff(initial=10, maximum=1, clock=Clock())
    backoff.record_failure("a")
    assert backoff.get_delay("a") == 1


def test_forget_removes_all_keys_with_the_prefix() -> None:
    backoff = KeyedBackoff(initial=1, maximum=5, clock=Clock())
    for key in ("pod_a", "pod_b", "other_a"):
        backoff.record_failure(key)
    backoff.forget("pod_")
    assert [backoff.get_delay(key) for key in ("pod_a", "pod_b", "other_a")] == [0, 0, 1]
