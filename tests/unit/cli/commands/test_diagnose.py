"""--since is an age or a time."""

from __future__ import annotations

import pytest

from kprov.cli.commands.diagnose import parse_since
from kprov.errors import InputError


@pytest.mark.parametrize(
    ("text", "argument"),
    [("30m", "-30m"), ("2d", "-2d"), ("2026-05-01", "2026-05-01 UTC"),
     ("2026-05-01T12:00", "2026-05-01 12:00 UTC")],
)  # fmt: skip
def test_an_age_or_a_time_becomes_an_argument_of_journalctl(text: str, argument: str) -> None:
    assert parse_since(text) == argument


@pytest.mark.parametrize("text", ["", "0h", "yesterday", "12", "-2h", "'; rm -rf /"])
def test_another_text_is_an_error_of_the_option(text: str) -> None:
    with pytest.raises(InputError, match="--since"):
        parse_since(text)
