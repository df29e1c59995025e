"""What the rewriting of values says."""

from __future__ import annotations

from kprov.operations.keys.encryption_key import describe_rewrite


def test_values_are_counted_as_a_reader_expects() -> None:
    assert describe_rewrite(0, 7, "key2") == []
    assert describe_rewrite(1, 1, "key2") == ["encrypt 1 value with key2"]
    assert describe_rewrite(3, 10, "key2") == ["encrypt 3 values with key2; it has encrypted 7 already"]
