"""Continue tokens of lists, as upstream writes and reads them.

A token has a key relative to the listed prefix, so that of a namespaced list does not name the namespace.
Upstream's servers and these can read each other's tokens. Source: apiserver/pkg/storage/continue.go.
"""

from __future__ import annotations

import base64
import posixpath
import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kprov.kube.machinery import status
from kprov.kube.machinery.go_text import go_json

_VERSION: Final = "meta.k8s.io/v1"
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Token:
    """`revision`: of the list, below 0: the newest. `start`: the next key, relative to the list's prefix."""

    revision: int
    start: str

    def encode(self) -> str:
        text = orjson.dumps({"v": _VERSION, "rv": self.revision, "start": f"/{self.start}"})
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Token:
        """Decode the token of a client. Raise StatusError 400."""
        held = _decode_document(text)
        version = _read_member(held, "v", str, "v", "string")
        revision = _read_member(held, "rv", int, "rv", "int64")
        start = _read_member(held, "start", str, "start", "string")
        if version != _VERSION:
            raise _invalid_token(f": server does not recognize this encoded version {version}")
        if not revision:
            raise _invalid_token(f": incorrect encoded start resourceVersion (version {_VERSION})")
        if not start:
            raise _invalid_token(f": encoded start key empty (version {_VERSION})")
        key = start if start.startswith("/") else f"/{start}"
        if key.startswith("//") or posixpath.normpath(key) != key:
            # The key must not lead out of the listed prefix.
            raise _invalid_token(f": {start}")
        return cls(revision, key[1:])


def _decode_document(text: str) -> dict[str, Any]:
    foreign = _FOREIGN.search(text)
    if foreign is not None or len(text) % 4 == 1:
        place = foreign.start() if foreign is not None else len(text) - 1
        raise _invalid_token(f": illegal base64 data at input byte {place}")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    try:
        held = go_json.loads(data)
    except go_json.JsonError as error:
        raise _invalid_token(f": {error}") from None
    if held is None:
        return {}
    if not isinstance(held, dict):
        raise _invalid_token(
            f": json: cannot unmarshal {go_json.type_name(held)} into Go value of type storage.continueToken"
        )
    return held


def _read_member(held: dict[str, Any], name: str, type_: type[Any], field: str, go_type: str) -> Any:
    value = held.get(name)
    if value is None:
        return type_()
    if type(value) is not type_:
        json_type = go_json.type_name(value)
        if json_type == "number":
            json_type = f"number {value}"
        raise _invalid_token(
            f": json: cannot unmarshal {json_type} into Go struct field continueToken.{field} "
            f"of type {go_type}"
        )
    return value


def _invalid_token(text: str) -> status.StatusError:
    return status.bad_request(f"invalid continue token: continue key is not valid{text}")
