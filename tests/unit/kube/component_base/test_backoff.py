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
        assert backoff.remaining("a") == 0
        backoff.use("a")
        delays.append(backoff.remaining("a"))
        clock.now += delays[-1]
    assert delays == [1, 2, 4, 5]


def test_keys_have_separate_delays() -> None:
    backoff = KeyedBackoff(initial=1, maximum=5, clock=Clock())
    backoff.use("a")
    assert (backoff.remaining("a"), backoff.remaining("b")) == (1, 0)


def test_unused_key_starts_again_with_the_first_delay() -> None:
    clock = Clock()
    backoff = KeyedBackoff(initial=1, maximum=5, clock=clock)
    backoff.use("a")
    backoff.use("a")
    clock.now += 11
    backoff.drop_expired()
    backoff.use("a")
    assert backoff.remaining("a") == 1
