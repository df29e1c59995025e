"""What of a warning a header can carry."""

from __future__ import annotations

from kprov.kube.apiserver.handlers import responses


def test_a_warning_that_no_header_can_carry_is_left_out() -> None:
    texts = ['unknown field "a\\b"', "one\nthe other", "\x85", "é", "é"]
    found = responses.build_headers("application/json", texts)
    assert found.getall("Warning") == ['299 - "unknown field \\"a\\\\b\\""', '299 - "é"']
