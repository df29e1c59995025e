"""The service default/kubernetes with a fixed ClusterIP; its endpoints are the running API servers.

Each server has a key with an etcd lease, /registry/masterleases/IP. The endpoints follow from these keys.
Source: upstream pkg/controlplane/controller/kubernetesservice and pkg/controlplane/reconcilers/lease.go.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Final

import orjson

from kprov.kube.apiserver.bootstrap import system
from kprov.kube.apiserver.registry.core.service.allocators.address_range import AddressRange
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.apiserver.storage.interface import (
    KeyChangedError,
    KeyExistsError,
    Storage,
    StorageError,
    Stored,
)
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)


LEASES: Final = "/registry/masterleases/"
LEASE_SECONDS: Final = 15
REFRESH_SECONDS: Final = 10.0
#: The maximum delay between the end of a lease and the removal of the endpoint.
LOOK_SECONDS: Final = 1.0
_FAREWELL_SECONDS: Final = 5.0
_NAME: Final = "kubernetes"
_NAMESPACE: Final = "default"


class ServerLeases:
    """The running API servers by their keys in etcd.

    A key counts as long as it is rewritten in time. The etcd lease only removes keys that nobody reads.
    """

    def __init__(
        self, storage: Storage, address: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._storage = storage
        self._key = LEASES + address
        self._value = orjson.dumps(
            {"kind": "Endpoints", "apiVersion": "v1", "subsets": [{"addresses": [{"ip": address}]}]}
        )
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}

    async def renew(self) -> None:
        """Write this server's key. Raise StorageError."""
        current = await self._storage.get(self._key)
        try:
            if current is None:
                await self._storage.create(self._key, self._value, ttl=LEASE_SECONDS)
            else:
                await self._storage.update(
                    self._key, self._value, expected=current.revision, ttl=LEASE_SECONDS
                )
        except (KeyExistsError, KeyChangedError):
            # The previous process of this server wrote it, which counts as well.
            log.debug("%s was written at the same moment", self._key)

    async def remove(self) -> None:
        """Delete this server's key."""
        current = await self._storage.get(self._key)
        while current is not None:
            try:
                await self._storage.delete(self._key, expected=current.revision)
            except KeyChangedError as error:
                current = error.current
            else:
                return

    async def list_addresses(self) -> list[str]:
        """Return the sorted IPs of the running servers."""
        page = await self._storage.list(LEASES)
        now = self._clock()
        self._seen = {item.key: self._find_last_change(item, now) for item in page.items}
        living = [key for key, (_, since) in self._seen.items() if now - since <= LEASE_SECONDS]
        return sorted(key.removeprefix(LEASES) for key in living)

    def _find_last_change(self, item: Stored, now: float) -> tuple[int, float]:
        known = self._seen.get(item.key)
        return known if known is not None and known[0] == item.revision else (item.revision, now)


async def run(options: Namespace, registry: Registry, done: Callable[[], None]) -> None:
    """Run the post-start hook bootstrap-controller. Remove this server's endpoint when it is cancelled."""
    address = find_advertised_address(options)
    port: int = options.secure_port
    leases = ServerLeases(registry.storage, address)
    shown: list[str] | None = None
    renew_at = 0.0
    try:
        while True:
            try:
                renewing = time.monotonic() >= renew_at
                if renewing:
                    await _ensure_service(options, registry)
                if options.endpoint_reconciler_type != "none":
                    if renewing:
                        await leases.renew()
                    living = await leases.list_addresses()
                    # Also without a change of servers: someone may have changed the endpoints.
                    if renewing or living != shown:
                        await publish_endpoints(registry, living, port)
                        shown = living
                if renewing:
                    renew_at = time.monotonic() + REFRESH_SECONDS
                done()
            except (StatusError, StorageError) as error:
                log.warning("default/kubernetes is not up to date: %s", error)
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        if options.endpoint_reconciler_type != "none":
            await _remove_endpoint(registry, leases, port)


async def _remove_endpoint(registry: Registry, leases: ServerLeases, port: int) -> None:
    try:
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await leases.remove()
            await publish_endpoints(registry, await leases.list_addresses(), port)
    except (TimeoutError, StatusError, StorageError) as error:
        log.warning(
            "this server stays in the endpoints of default/kubernetes until its lease ends: %s", error
        )


def find_advertised_address(options: Namespace) -> str:
    """--advertise-address, else --bind-address, else the source address of the default route."""
    for text in (options.advertise_address, options.bind_address):
        if text and not ipaddress.ip_address(text).is_unspecified:
            return str(ipaddress.ip_address(text))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # connect() on UDP sends nothing: the kernel only selects a route.
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


async def _ensure_service(options: Namespace, registry: Registry) -> None:
    store = registry.store("", "services")
    if store.lister.get(_NAMESPACE, _NAME) is not None:
        return
    await system.ensure_namespace(registry, _NAMESPACE)
    first = AddressRange.of_flag(options.service_cluster_ip_range)[0].first
    service = {
        "metadata": {"name": _NAME, "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": str(first),
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": options.secure_port}],
        },
    }
    try:
        await store.create(
            make_system_context("create", store.resource, _NAMESPACE, _NAME), _NAMESPACE, service
        )
    except StatusError as error:
        if error.reason != "AlreadyExists":
            raise


async def publish_endpoints(registry: Registry, addresses: Sequence[str], port: int) -> None:
    """Write these addresses to Endpoints and EndpointSlice unless they have them."""
    await _change_object(registry, "", "endpoints", lambda obj: _fill_endpoints(obj, addresses, port))
    await _change_object(
        registry, "discovery.k8s.io", "endpointslices", lambda obj: _fill_slice(obj, addresses, port)
    )


async def _change_object(
    registry: Registry, group: str, plural: str, write: Callable[[JsonObject], None]
) -> None:
    store = registry.store(group, plural)

    def change(current: JsonObject | None) -> JsonObject:
        obj = current or {"metadata": {"name": _NAME}}
        write(obj)
        return obj

    context = make_system_context("update", store.resource, _NAMESPACE, _NAME)
    await store.update(context, _NAMESPACE, _NAME, change, create=True)


def _fill_endpoints(obj: JsonObject, addresses: Sequence[str], port: int) -> None:
    obj["metadata"].setdefault("labels", {})["endpointslice.kubernetes.io/skip-mirror"] = "true"
    obj.pop("subsets", None)
    if addresses:
        obj["subsets"] = [
            {
                "addresses": [{"ip": address} for address in addresses],
                "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
            }
        ]


def _fill_slice(obj: JsonObject, addresses: Sequence[str], port: int) -> None:
    obj["metadata"].setdefault("labels", {})["kubernetes.io/service-name"] = _NAME
    is_v6 = bool(addresses) and all(":" in address for address in addresses)
    obj.setdefault("addressType", "IPv6" if is_v6 else "IPv4")
    obj["endpoints"] = [
        {"addresses": [address], "conditions": {"ready": True}}
        for address in addresses
        if (":" in address) == (obj["addressType"] == "IPv6")
    ]
    obj["ports"] = [{"name": "https", "port": port, "protocol": "TCP"}]
