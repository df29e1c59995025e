"""DeleteOptions of the body and of the query."""

from __future__ import annotations

import re

import pytest

from kprov.kube.apiserver.handlers import delete_options
from kprov.kube.apiserver.registry.generic.delete_options import decode
from kprov.kube.machinery.status import StatusError


@pytest.mark.parametrize(("grace", "understood"), [(0, 0), (30, 30), (-1, 1), (None, None)])
def test_a_negative_grace_period_is_one_second(grace: int | None, understood: int | None) -> None:
    body = {} if grace is None else {"gracePeriodSeconds": grace}
    options, dry_run = decode(body)
    assert options.grace_period_seconds == understood
    assert not dry_run


def test_a_body_of_delete_options_replaces_the_query() -> None:
    _, dry_run = delete_options.parse({"dryRun": "All"}, b"{}", "application/json")
    assert not dry_run


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            b'{"gracePeriodSeconds":"x"}',
            "string into Go struct field DeleteOptions.gracePeriodSeconds of type",
        ),
        (b'{"dryRun":"All"}', "string into Go struct field DeleteOptions.dryRun of type []string"),
        (b'{"kind":"Foo"}', 'no kind "Foo" is registered for version "v1"'),
        (b"[]", "cannot unmarshal array into Go value"),
        (b"{", "unexpected end of JSON input"),
    ],
)
def test_a_body_that_is_not_delete_options_is_rejected(body: bytes, text: str) -> None:
    with pytest.raises(StatusError, match=re.escape(text)) as refusal:
        delete_options.parse({}, body, "application/json")
    assert refusal.value.code == 400


def test_delete_options_come_from_the_query_without_a_body() -> None:
    query = {"propagationPolicy": "Orphan", "dryRun": "All"}
    options, dry_run = delete_options.parse(query, b"", "application/json")
    assert options.propagation_policy == "Orphan"
    assert dry_run
