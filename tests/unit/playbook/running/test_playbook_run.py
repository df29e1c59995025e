"""Answers to `vars_prompt`: hashed, and no templates."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.errors import InputError
from kprov.playbook.templating.filters.hashes import password_hash

WORD = "open sesame"


def play(options: str, condition: str) -> str:
    return (
        "- hosts: a\n  gather_facts: false\n"
        f"  vars_prompt: [{{name: word, prompt: Word, {options}}}]\n"
        f"  tasks:\n    - assert: {{that: {condition!r}}}\n"
    )


@pytest.fixture(autouse=True)
def _answer(bench: Any) -> None:
    bench.recorder.answers = {"Word: ": WORD}


@pytest.mark.parametrize(
    ("scheme", "salt"), [("sha512_crypt", "abcdefgh"), ("md5_crypt", "abcdefgh"), ("sha256_crypt", "abc")]
)
def test_an_answer_is_hashed_with_the_salt(bench: Any, scheme: str, salt: str) -> None:
    assert bench.play(
        play(f"encrypt: {scheme}, salt: {salt}", f'word == "{password_hash(WORD, scheme, salt)}"')
    ).ok


def test_a_salt_of_a_size_is_made(bench: Any) -> None:
    condition = 'word is match("[$]1[$]....[$]") and word != ""'
    assert bench.play(play("encrypt: md5_crypt, salt_size: 4", condition)).ok


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("encrypt: rot13", "rot13 is not in the list of supported algorithms"),
        ("encrypt: md5_crypt, salt_size: many", "many"),
        ("encrypt: md5_crypt, salt: 'a b'", "salt"),
    ],
)
def test_what_cannot_be_hashed_is_an_error_of_the_playbook(bench: Any, options: str, words: str) -> None:
    with pytest.raises(InputError, match=r"play.yml:1: vars_prompt: ") as error:
        bench.play(play(options, "true"))
    assert words in str(error.value)
    assert WORD not in str(error.value)


def test_an_unknown_option_is_refused_with_the_nearest_one(bench: Any) -> None:
    with pytest.raises(
        InputError, match=r"'encrpyt' is not an option of vars_prompt; did you mean 'encrypt'"
    ):
        bench.play(play("encrpyt: x", "true"))


def test_an_unsafe_answer_is_no_template(bench: Any) -> None:
    bench.recorder.answers = {"Word: ": "{{ 1 + 1 }}"}
    assert bench.play(play("unsafe: true", "word | length == 11")).ok
