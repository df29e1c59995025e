"""Objects that are too large for etcd, refused as early and with the texts that upstream's server has.

Source: go.etcd.io/etcd/client/v3/options.go (2 MiB for a message), apiserver/pkg/endpoints/handlers
(create.go, update.go, patch.go: managedFields may be dropped), rest.go (isTooLargeError).
"""

from __future__ import annotations

from typing import Final

import orjson

from kprov.kube.apiserver.storage.interface import UnavailableError
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

#: Upstream's client sends no more in one message. etcd refuses from 1.5 MiB on, unless its flag says more.
MAX_SENT_BYTES: Final = 2 * 1024 * 1024
_TEXTS: Final = ("request is too large", "message larger than max")


def reject_too_large(obj: JsonObject) -> None:
    """Raise StatusError 500, as upstream, for an object that cannot be sent even without managedFields.

    Called before admission and validation, which take a second for such an object. Upstream answers 422 for
    one that is also invalid.
    """
    size = len(orjson.dumps(obj))
    if size > MAX_SENT_BYTES:
        size -= len(orjson.dumps((obj.get("metadata") or {}).get("managedFields")))
    if size > MAX_SENT_BYTES:
        raise status.failure(500, "", _describe(size))


def check_sent_size(value: bytes) -> None:
    """Raise UnavailableError for a value that upstream's client does not send."""
    if len(value) > MAX_SENT_BYTES:
        raise UnavailableError(_describe(len(value)))


def drop_managed_fields(obj: JsonObject, error: UnavailableError) -> bool:
    """Remove managedFields, which may be large, after a write that was too large. False: they do not help."""
    if not any(text in str(error) for text in _TEXTS):
        return False
    return bool(obj["metadata"].pop("managedFields", None))


def _describe(size: int) -> str:
    text = f"trying to send message larger than max ({size} vs. {MAX_SENT_BYTES})"
    return f"rpc error: code = ResourceExhausted desc = {text}"
