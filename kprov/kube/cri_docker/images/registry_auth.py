"""Credentials for a registry in the header X-Registry-Auth."""

from __future__ import annotations

import base64
import binascii

import orjson

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb


def encode_credentials(auth: pb.AuthConfig) -> str:
    """Return the header's value. RpcError: `auth`, which is base64 of USER:PASSWORD, is malformed."""
    username, password = auth.username, auth.password
    if auth.auth and not username:
        try:
            username, _, password = base64.b64decode(auth.auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise RpcError(Code.INVALID_ARGUMENT, "auth is not base64 of USER:PASSWORD") from None
    document = {
        "username": username,
        "password": password.rstrip("\x00"),
        "serveraddress": auth.server_address,
        "identitytoken": auth.identity_token,
        "registrytoken": auth.registry_token,
    }
    text = orjson.dumps({name: value for name, value in document.items() if value})
    return base64.urlsafe_b64encode(text).decode()
