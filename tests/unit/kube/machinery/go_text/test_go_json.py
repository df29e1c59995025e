"""What Go says of documents that are no JSON, and how it reads those that nearly are none."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.go_text import go_json

REFUSED = {
    b"": "unexpected end of JSON input",
    b'{"a":': "unexpected end of JSON input",
    b'{"a":x}': "invalid character 'x' looking for beginning of value",
    b"{} x": "invalid character 'x' after top-level value",
    b"{a:1}": "invalid character 'a' looking for beginning of object key string",
    b'{"a" 1}': "invalid character '1' after object key",
    b'{"a":1 "b"}': "invalid character '\"' after object key:value pair",
    b"[1 2]": "invalid character '2' after array element",
    b"[1,]": "invalid character ']' looking for beginning of value",
    b'"\n"': "invalid character '\\n' in string literal",
    b'"\\x"': "invalid character 'x' in string escape code",
    b'"\\u12g4"': "invalid character 'g' in \\u hexadecimal character escape",
    b"nul!": "invalid character '!' in literal null (expecting 'l')",
    b"-x": "invalid character 'x' in numeric literal",
    b"1.x": "invalid character 'x' after decimal point in numeric literal",
    b"1e+x": "invalid character 'x' in exponent of numeric literal",
    b"01": "invalid character '1' after top-level value",
    b"'a'": "invalid character '\\'' looking for beginning of value",
    b"[" * 11_000: "exceeded max depth",
}


@pytest.mark.parametrize(("data", "text"), REFUSED.items(), ids=[repr(each[:12]) for each in REFUSED])
def test_invalid_json_is_rejected_with_gos_message(data: bytes, text: str) -> None:
    with pytest.raises(go_json.JsonError) as refusal:
        go_json.loads(data)
    assert str(refusal.value) == text


def test_json_replaces_invalid_utf_8_and_surrogates() -> None:
    assert go_json.loads(b'{"a": "\xff", "b": "\\ud800x"}') == {"a": "\ufffd", "b": "\ufffdx"}


def test_valid_json_is_decoded() -> None:
    text = b' {"a": [1, -2.5e+3, true, null, {}, []], "b": "\\u00e9\\n"} '
    assert go_json.find_error(text) == ""
    assert go_json.loads(text) == {"a": [1, -2500.0, True, None, {}, []], "b": "é\n"}


def test_json_reads_numbers_of_any_size() -> None:
    found = go_json.loads(b'{"a":-1e999,"b":' + b"9" * 5000 + b',"c":12,"d":1.5}')
    assert found == {"a": -1.7976931348623157e308, "b": 1.7976931348623157e308, "c": 12, "d": 1.5}


@pytest.mark.parametrize("depth", [201, 300, 900, 1100, 20_000])
def test_json_rejects_documents_that_are_nested_too_deeply(depth: int) -> None:
    for opening, closing in ((b'{"a":', b"}"), (b"[", b"]")):
        with pytest.raises(go_json.JsonError, match="exceeded max depth"):
            go_json.loads(opening * depth + b"1" + closing * depth)


def test_json_reads_two_hundred_levels() -> None:
    assert go_json.loads(b"[" * 200 + b"]" * 200)
    assert len(go_json.loads(b"[" + b",".join([b"{}"] * 500) + b"]")) == 500


@pytest.mark.parametrize(
    ("document", "written"),
    [
        ({"a<": "b>&"}, rb'{"a\u003c":"b\u003e\u0026"}'),
        ("\u2028 \u2029 \u2027 é", rb'"\u2028 \u2029 ' + "\u2027 é".encode() + b'"'),
        ('\x00\x1f\x7f\b\f\n\r\t"\\/', rb'"\u0000\u001f' + b"\x7f" + rb'\b\f\n\r\t\"\\/"'),
    ],
)
def test_json_escapes_the_characters_that_go_escapes(document: object, written: bytes) -> None:
    assert go_json.dumps(document) == written
    assert go_json.loads(written) == document


@pytest.mark.parametrize(
    ("number", "read"),
    [
        (80.0, "80"),
        (0.5, "0.5"),
        (-9223372036854775808.0, "-9223372036854775808"),
        (9223372036854775808.0, "9.223372036854776e+18"),
        (18446744073709551616.0, "1.8446744073709552e+19"),
        (1e300, "1e+300"),
    ],
)
def test_round_trip_numbers_are_integers_of_64_bits(number: float, read: str) -> None:
    assert repr(go_json.round_trip_number(number)) == read
    go_json.dumps(go_json.round_trip_number(number))
