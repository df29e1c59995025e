"""Duplicate keys of documents that may be YAML."""

from __future__ import annotations

import pytest
import yaml

from kprov.kube.machinery.go_text.duplicate_fields import find_yaml_duplicates


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"b":{"a":2}}',
        b'{"a: b":"c: d","e":["f:",{"g":null}]}',
        b"a: 1\nb:\n  a: 2\n",
    ],
)
def test_a_document_without_duplicates_has_none(body: bytes) -> None:
    assert find_yaml_duplicates(body) == []


@pytest.mark.parametrize("body", [b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b"a: 1\na: 2\n"])
def test_duplicates_are_named(body: bytes) -> None:
    assert [message.partition(": ")[2] for message in find_yaml_duplicates(body)] == [
        'key "a" already set in map'
    ]


def test_json_is_not_read_as_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(yaml, "CSafeLoader", refuse)
    assert find_yaml_duplicates(b'{"a":1,"b":[{"a":"x: y"}]}') == []
