"""Continue tokens of lists."""

from __future__ import annotations

from kprov.kube.apiserver.handlers.continuation import Token


def test_a_continue_token_is_the_same_after_encoding_and_decoding() -> None:
    token = Token(7, "default/p1\0")
    assert Token.parse(token.encode()) == token
