"""YAML as upstream reads it."""

from __future__ import annotations

import pytest

from kprov.kube.machinery import go_yaml

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9)) for name in b"bcdefg"
)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a:\n\t- b", "yaml: line 2: found character that cannot start any token"),
        (b"a: [", "yaml: line 1: did not find expected node content"),
        (BOMB, "yaml: document contains excessive aliasing"),
    ],
    ids=["tab", "open", "aliases"],
)
def test_what_is_none_is_refused_in_gos_words(data: bytes, text: str) -> None:
    with pytest.raises(go_yaml.YamlError) as refusal:
        go_yaml.loads(data)
    assert str(refusal.value) == text


def test_the_first_document_counts_and_keys_are_text() -> None:
    assert go_yaml.loads(b"yes: 1\n5: 2020-01-01\n~: !!some/tag x\n---\nb: 1\n") == {
        "true": 1,
        "5": "2020-01-01",
        "null": "x",
    }
    assert go_yaml.loads(b"# nothing\n") is None


def test_some_aliases_are_fine() -> None:
    assert go_yaml.loads(b"a: &a {x: 1}\nb: *a\n") == {"a": {"x": 1}, "b": {"x": 1}}
