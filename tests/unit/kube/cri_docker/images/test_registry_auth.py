"""Credentials for registries."""

from __future__ import annotations

import base64
import json

import pytest

from kprov.kube.component_base.rpc.status import RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.images.registry_auth import encode_credentials


def decode(auth: pb.AuthConfig) -> object:
    return json.loads(base64.urlsafe_b64decode(encode_credentials(auth)))


def test_a_password() -> None:
    auth = pb.AuthConfig(username="u", password="p:?>", server_address="a.test")
    assert decode(auth) == {"username": "u", "password": "p:?>", "serveraddress": "a.test"}


def test_a_password_in_one_field() -> None:
    auth = pb.AuthConfig(auth=base64.b64encode(b"u:p:q").decode())
    assert decode(auth) == {"username": "u", "password": "p:q"}
    with pytest.raises(RpcError, match="auth is not base64"):
        encode_credentials(pb.AuthConfig(auth="%"))


def test_tokens() -> None:
    assert decode(pb.AuthConfig(identity_token="i", registry_token="r")) == {
        "identitytoken": "i",
        "registrytoken": "r",
    }
