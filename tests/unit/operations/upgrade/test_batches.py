"""How many workers an upgrade works on at the same time."""

from __future__ import annotations

import pytest

from kprov.errors import InputError
from kprov.operations.upgrade.batches import read_serial, split_hosts


@pytest.mark.parametrize(
    ("text", "count", "size"), [("1", 9, 1), ("4", 9, 4), ("20%", 10, 2), ("20%", 3, 1), ("100%", 7, 7)]
)
def test_a_number_or_a_percentage(text: str, count: int, size: int) -> None:
    assert read_serial(text, count) == size


@pytest.mark.parametrize("text", ["", "0", "0%", "-1", "many", "101%", "1.5"])
def test_anything_else_is_an_error_that_names_the_option(text: str) -> None:
    with pytest.raises(InputError, match="--serial"):
        read_serial(text, 3)


def test_batches_keep_the_order() -> None:
    assert split_hosts(["a", "b", "c", "d", "e"], 2) == [["a", "b"], ["c", "d"], ["e"]]
    assert split_hosts([], 2) == []
