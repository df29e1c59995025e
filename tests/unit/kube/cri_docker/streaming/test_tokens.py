"""Addresses that work once."""

from __future__ import annotations

import pytest

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri_docker.streaming import tokens as module
from kprov.kube.cri_docker.streaming.tokens import ForwardTarget, Tokens

TARGET = ForwardTarget("/proc/1/ns/net")


def test_a_token_works_once() -> None:
    tokens = Tokens()
    token = tokens.add(TARGET)
    assert tokens.take("other") is None
    assert tokens.take(token) is TARGET
    assert tokens.take(token) is None


def test_a_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens()
    token = tokens.add(TARGET)
    monkeypatch.setattr(module, "_SECONDS", 0.0)
    assert tokens.take(token) is None


def test_too_many_wait() -> None:
    tokens = Tokens()
    for _ in range(1000):
        tokens.add(TARGET)
    with pytest.raises(RpcError, match="maximum number of in-flight requests exceeded") as error:
        tokens.add(TARGET)
    assert error.value.code is Code.RESOURCE_EXHAUSTED
