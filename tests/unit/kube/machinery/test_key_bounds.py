"""Caches by what clients send do not keep long keys."""

from __future__ import annotations

from kprov.kube.machinery.key_bounds import SHORT, BoundedCache, cache_short, measure_key


def test_a_key_is_as_long_as_all_its_texts() -> None:
    assert measure_key(("ab", ("cde", b"f"), 7, None)) == 6 + 4 + 2


def test_calls_with_short_arguments_are_cached_and_others_not() -> None:
    calls: list[tuple[str, str]] = []

    @cache_short(maxsize=8)
    def join(left: str, *, right: str = "") -> str:
        calls.append((left, right))
        return left + right

    long = "x" * SHORT
    for _ in range(2):
        assert join("a", right="b") == "ab"
        assert join(long, right="b") == long + "b"
        assert join("a", right=long) == "a" + long
    assert len(calls) == 1 + 2 + 2


def test_a_cache_forgets_its_oldest_entries_and_keeps_no_long_key() -> None:
    cache: BoundedCache[str, int] = BoundedCache(3, max_key=10)
    cache.put("x" * 11, 0)
    assert len(cache) == 0
    for number in range(5):
        cache.put(f"k{number}", number)
    assert [cache.get(f"k{number}") for number in range(5)] == [None, None, 2, 3, 4]


def test_a_key_that_is_put_again_takes_no_place() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    for number in range(5):
        cache.put("a", number)
    cache.put("b", 9)
    assert (cache.get("a"), cache.get("b"), len(cache)) == (4, 9, 2)
