"""The config map with the authorities of clients and front proxies and the headers of front proxies.

Several API servers may have different files during a rotation of authorities, so each server adds its own to
those in the config map. Source: upstream pkg/controlplane/controller/clusterauthenticationtrust.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kprov.kube.apiserver.authn.authorities import SECONDS, AuthorityFile
from kprov.kube.apiserver.bootstrap import system
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_NAMESPACE: Final = "kube-system"
_NAME: Final = "extension-apiserver-authentication"
_SYNC_SECONDS: Final = 60.0
_CLIENTS: Final = "client-ca-file"
_PROXIES: Final = "requestheader-client-ca-file"
_UIDS: Final = "requestheader-uid-headers"
_LISTS: Final = (
    "requestheader-username-headers",
    _UIDS,
    "requestheader-group-headers",
    "requestheader-extra-headers-prefix",
    "requestheader-allowed-names",
)
#: For how many seconds an expired authority stays in the config map.
_SLACK: Final = timedelta(minutes=5)


async def run(options: Namespace, registry: Registry, done: Callable[[], None]) -> None:
    """Run the post-start hook start-cluster-authentication-info-controller.

    It syncs when the config map or an authority changes, and each minute.
    """
    store = registry.store("", "configmaps")
    files = AuthorityFile(options.client_ca_file), AuthorityFile(options.requestheader_client_ca_file)
    synced_at = float("-inf")
    while True:
        current = store.lister.get(_NAMESPACE, _NAME)
        changed = [file.reload() for file in files]
        if current is None or any(changed) or time.monotonic() - synced_at >= _SYNC_SECONDS:
            await _sync(registry, current, build_data(options, *files))
            synced_at = time.monotonic()
        done()
        await asyncio.sleep(SECONDS)


async def _sync(registry: Registry, current: JsonObject | None, wanted: Mapping[str, str]) -> None:
    try:
        data = merge_data((current or {}).get("data") or {}, wanted)
    except ValueError as error:
        log.warning("config map %s/%s is left as it is: %s", _NAMESPACE, _NAME, error)
        return
    if current is not None and data == (current.get("data") or {}):
        return
    store = registry.store("", "configmaps")
    await system.ensure_namespace(registry, _NAMESPACE)

    def change(obj: JsonObject | None) -> JsonObject:
        obj = obj or {"metadata": {"name": _NAME}}
        obj["data"] = merge_data(obj.get("data") or {}, wanted)
        return obj

    context = make_system_context("update", store.resource, _NAMESPACE, _NAME)
    await store.update(context, _NAMESPACE, _NAME, change, create=True)


def build_data(options: Namespace, clients: AuthorityFile, proxies: AuthorityFile) -> dict[str, str]:
    """Return the data of this API server: PEM bundles, and lists as JSON."""
    data = {_CLIENTS: clients.pem.decode(), _PROXIES: proxies.pem.decode()}
    for name in _LISTS:
        data[name] = _encode_list(getattr(options, name.replace("-", "_")))
    return data


def merge_data(existing: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Merge into the existing data. Raise ValueError if it is invalid."""
    clients, proxies = (_merge_bundles(existing.get(name, ""), wanted[name]) for name in (_CLIENTS, _PROXIES))
    lists = {
        name: [*dict.fromkeys(_decode_list(existing.get(name, "")) + _decode_list(wanted[name]))]
        for name in _LISTS
    }
    data = {_CLIENTS: clients} if clients else {}
    if proxies:
        data[_PROXIES] = proxies
        data |= {name: _encode_list(values) for name, values in lists.items() if values or name != _UIDS}
    return data


def _merge_bundles(*bundles: str) -> str:
    ended = datetime.now(UTC) - _SLACK
    matching_certificates = [
        certificate
        for text in bundles
        if text
        for certificate in x509.load_pem_x509_certificates(text.encode())
    ]
    kept = dict.fromkeys(
        matching_certificate.public_bytes(Encoding.PEM).decode()
        for matching_certificate in matching_certificates
        if matching_certificate.not_valid_after_utc > ended
    )
    return "".join(kept)


def _decode_list(text: str) -> list[str]:
    values = json.loads(text) if text else []
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{text} is no list of strings")
    return values


def _encode_list(values: Any) -> str:
    return json.dumps(list(values), separators=(",", ":"))
