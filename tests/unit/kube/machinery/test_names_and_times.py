from datetime import UTC, datetime

import pytest

from kprov.kube.machinery import names, timestamps


@pytest.mark.parametrize("name", ["a", "web-1", "a" * 63])
def test_valid_dns_labels_are_accepted(name: str) -> None:
    assert names.is_dns1123_label(name) == []


def test_the_message_for_a_label_with_dots_names_the_dots() -> None:
    assert names.is_dns1123_label("a.b") == ["must not contain dots"]


def test_an_invalid_label_gets_upstreams_message() -> None:
    assert names.is_dns1123_label("Web_1") == [
        (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
            "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        )
    ]


@pytest.mark.parametrize("key", ["app", "app.kubernetes.io/name", "A_b.c"])
def test_qualified_names_are_accepted(key: str) -> None:
    assert names.is_qualified_name(key) == []


def test_a_qualified_name_with_two_slashes_or_an_empty_part_is_rejected() -> None:
    assert names.is_qualified_name("a/b/c")[0].startswith("a valid label key must consist")
    assert names.is_qualified_name("/b") == ["prefix part must be non-empty"]
    assert names.is_qualified_name("a/")[0] == "name part must be non-empty"


def test_config_map_keys_may_not_lead_to_a_parent_directory() -> None:
    assert names.is_config_map_key("..") == ["must not be '..'"]
    assert names.is_config_map_key("..a") == ["must not start with '..'"]
    assert names.is_config_map_key("a..b") == []


def test_times_are_formatted_in_utc_without_fractions() -> None:
    time = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert timestamps.show(time) == "2026-01-02T03:04:05Z"
    assert timestamps.show_micro(time) == "2026-01-02T03:04:05.000006Z"


@pytest.mark.parametrize(
    "text", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05.000Z"]
)
def test_every_rfc3339_form_of_a_time_is_parsed(text: str) -> None:
    assert timestamps.show(timestamps.parse(text)) == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-02T03:04:05Z", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05"]
)
def test_invalid_times_are_rejected(text: str) -> None:
    assert not timestamps.is_valid(text)


def test_times_of_early_years_have_four_digits() -> None:
    """Go's zero time and what is near it; strftime writes the year 1 as "1"."""
    moment = timestamps.parse("0001-01-01T00:00:02Z")
    assert timestamps.show(moment) == "0001-01-01T00:00:02Z"
    assert timestamps.show_micro(moment) == "0001-01-01T00:00:02.000000Z"
