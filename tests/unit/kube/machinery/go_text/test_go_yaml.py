"""YAML as upstream reads it."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.go_text import go_yaml

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9)) for name in b"bcdefg"
)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a:\n\t- b", "yaml: line 2: found character that cannot start any token"),
        (b"a: [", "yaml: line 1: did not find expected node content"),
        (BOMB, "yaml: document contains excessive aliasing"),
        (b"a: &a [1, {b: *a}]", "yaml: anchor 'a' value contains itself"),
        (b"[" * 2000 + b"]" * 2000, "yaml: exceeded max depth of 10000"),
        (b"- " * 2000 + b"a", "yaml: exceeded max depth of 10000"),
        (b"a: .nan", "json: unsupported value: NaN"),
        (b"null: {a: [1, x]}", "unsupported map key of type: %!s(<nil>), key: <nil>, value: map[a:[1 x]]"),
    ],
    ids=["tab", "open", "aliases", "of itself", "deep", "deep block", "no number", "no name"],
)
def test_invalid_yaml_is_rejected_with_gos_message(data: bytes, text: str) -> None:
    with pytest.raises(go_yaml.YamlError) as refusal:
        go_yaml.loads(data)
    assert str(refusal.value) == text


def test_yaml_reads_the_first_document_with_strings_as_keys() -> None:
    assert go_yaml.loads(b"yes: 1\n5: 2020-01-01\nx: !!some/tag x\n---\nb: 1\n") == {
        "true": 1,
        "5": "2020-01-01",
        "x": "x",
    }
    assert go_yaml.loads(b"# nothing\n") is None


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("80.0", 80), ("8e1", 80), ("80.", 80), ("+80", 80), ("0x50", 80), ("0o120", 80), ("0120", 80),
        ("0b101", 5), ("8_0", 80), ("08", 8), ("-0.0", 0), ("1.5", 1.5), ("1e21", 1e21),
        ("18446744073709551615", 2**64 - 1), ("18446744073709551616", 2.0**64), ("1:20", "1:20"), ("y", True),
        ("N", False), ("~", None), ("2001-01-01", "2001-01-01"), ("1e400", "1e400"), ("'80'", "80"),
        ("0x", "0x"), (".5", 0.5), ("1.2.3", "1.2.3"), ("-", "-"), ("=", "="),
    ],
)  # fmt: skip
def test_unquoted_yaml_scalars_resolve_as_in_go(word: str, value: object) -> None:
    found = go_yaml.loads(f"a: {word}\n".encode() if word != "-" else b'a: "-"\n')["a"]
    assert (type(found), found) == (type(value), value)


def test_a_whole_float_in_json_becomes_an_integer() -> None:
    assert repr(go_yaml.loads(b'{"a": [80.0, 8e1, 0.5, 1e21]}')) == "{'a': [80, 80, 0.5, 1e+21]}"


def test_yaml_accepts_a_few_aliases() -> None:
    assert go_yaml.loads(b"a: &a {x: 1}\nb: *a\n") == {"a": {"x": 1}, "b": {"x": 1}}


@pytest.mark.parametrize(
    "data",
    [
        b"b: &b {" + b",".join(b"k%d: v" % number for number in range(1_000)) + b"}\n"
        b"c: {<<: [" + b",".join([b"*b"] * 1_000) + b"]}",
        b"a0: &a0 {a: 1, b: 2}\n"
        + b"".join(
            b"a%d: &a%d {<<: [*a%d, *a%d, *a%d]}\n" % (n, n, n - 1, n - 1, n - 1) for n in range(1, 40)
        ),
    ],
)
def test_merge_keys_do_not_make_a_small_document_large(data: bytes) -> None:
    with pytest.raises(go_yaml.YamlError, match="excessive aliasing"):
        go_yaml.loads(data)


def test_merge_keys_add_what_a_mapping_does_not_have() -> None:
    data = b"b: &b {x: 1, v: 2}\nc: {<<: *b, v: 3}\nd: {v: 4, <<: [*b, {x: 7, z: 1}]}"
    assert go_yaml.loads(data) == {
        "b": {"x": 1, "v": 2},
        "c": {"x": 1, "v": 3},
        "d": {"x": 1, "v": 4, "z": 1},
    }


def test_a_merge_key_of_something_else_is_an_error() -> None:
    with pytest.raises(go_yaml.YamlError, match="expected a mapping or list of mappings for merging"):
        go_yaml.loads(b"a: {<<: 5}")
