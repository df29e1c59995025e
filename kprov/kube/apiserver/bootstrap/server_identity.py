"""The identities of API servers: a Lease for each in kube-system, renewed while it runs.

Leases that were not renewed for an hour are deleted.

Source: upstream pkg/controlplane/apiserver/server.go, pkg/controlplane/controller/apiserverleasegc and
k8s.io/component-helpers/apimachinery/lease.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import socket
import time
import uuid
from argparse import Namespace
from collections.abc import Callable
from typing import Final

from kprov.kube.apiserver.bootstrap import system
from kprov.kube.apiserver.bootstrap.kubernetes_service import find_advertised_address
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.apiserver.storage.interface import StorageError
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)


LABEL: Final = "apiserver.kubernetes.io/identity"
_COMPONENT: Final = "kube-apiserver"
_PEER: Final = "kubernetes.io/peer-advertise-address"
_NAMESPACE: Final = "kube-system"
_LEASE_SECONDS: Final = 3600
_RENEW_SECONDS: Final = 10.0
_COLLECT_SECONDS: Final = 3600.0
_FAREWELL_SECONDS: Final = 5.0


def build_identity(hostname: str) -> str:
    """Return the server's identity, stable over restarts: "apiserver-" and a hash of the host name."""
    parts = (hostname.encode(), _COMPONENT.encode())
    hashed = hashlib.sha256(b"".join(len(part).to_bytes(2, "big") + part for part in parts)).digest()
    return "apiserver-" + base64.b32encode(hashed[:16]).decode().rstrip("=").lower()


async def run(options: Namespace, registry: Registry, done: Callable[[], None]) -> None:
    """Run the post-start hook start-kube-apiserver-identity-lease-controller. Delete the lease at the end."""
    hostname = socket.gethostname()
    name = build_identity(hostname)
    holder = f"{name}_{uuid.uuid4()}"
    address = find_advertised_address(options)
    peer = f"[{address}]" if ":" in address else address

    def renew_lease(current: JsonObject | None) -> JsonObject:
        obj = current or {"metadata": {"name": name, "namespace": _NAMESPACE}}
        metadata = obj["metadata"]
        metadata["labels"] = (metadata.get("labels") or {}) | {
            LABEL: _COMPONENT,
            "kubernetes.io/hostname": hostname,
        }
        metadata["annotations"] = (metadata.get("annotations") or {}) | {
            _PEER: f"{peer}:{options.secure_port}"
        }
        spec = obj.get("spec") or {}
        term = {"leaseDurationSeconds": _LEASE_SECONDS, "renewTime": timestamps.micro_now()}
        obj["spec"] = spec | term | {"holderIdentity": holder}
        return obj

    store = registry.store("coordination.k8s.io", "leases")
    try:
        # The previous process of this server may have left its lease.
        await _remove(registry, name)
        while True:
            try:
                await system.ensure_namespace(registry, _NAMESPACE)
                context = make_system_context("update", store.resource, _NAMESPACE, name)
                await store.update(context, _NAMESPACE, name, renew_lease, create=True)
            except (StatusError, StorageError) as error:
                log.warning("the lease %s of this server was not renewed: %s", name, error)
            done()
            await asyncio.sleep(_RENEW_SECONDS)
    finally:
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await _remove(registry, name)
        except TimeoutError:
            log.warning("the lease %s of this server stays until it is over", name)


async def run_garbage_collector(registry: Registry, done: Callable[[], None]) -> None:
    """Delete expired leases: the hook start-kube-apiserver-identity-lease-garbage-collector."""
    done()
    store = registry.store("coordination.k8s.io", "leases")
    while True:
        for lease in store.lister.list(_NAMESPACE):
            metadata = lease["metadata"]
            if (metadata.get("labels") or {}).get(LABEL) == _COMPONENT and _has_expired(
                lease.get("spec") or {}
            ):
                await _remove(registry, metadata["name"])
        await asyncio.sleep(_COLLECT_SECONDS)


def _has_expired(spec: JsonObject) -> bool:
    if not spec.get("renewTime") or spec.get("leaseDurationSeconds") is None:
        return True
    return timestamps.seconds(spec["renewTime"]) + float(spec["leaseDurationSeconds"]) < time.time()


async def _remove(registry: Registry, name: str) -> None:
    store = registry.store("coordination.k8s.io", "leases")
    try:
        await store.delete(make_system_context("delete", store.resource, _NAMESPACE, name), _NAMESPACE, name)
    except (StatusError, StorageError) as error:
        if not isinstance(error, StatusError) or error.reason != "NotFound":
            log.warning("the lease %s was not removed: %s", name, error)
