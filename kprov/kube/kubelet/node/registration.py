"""Registers the node, keeps its status told, renews its lease."""

import asyncio
import logging
import random
import time
from typing import Any, Final

from kprov.kube.client import ApiError, ClientError, RestClient
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.events import PodEvents
from kprov.kube.kubelet.node import info
from kprov.kube.kubelet.node.status import NodeStatusMaker, has_changed, report_is_due
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

_LEASE_NAMESPACE: Final = "kube-node-lease"
# Labels that an existing node gets from its kubelet; others are left alone.
_OWNED_LABELS: Final = (
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
)
_MAX_REGISTRATION_PAUSE: Final = 7.0


class NodeAgent:
    """The node's object and lease."""

    def __init__(
        self, client: RestClient, config: KubeletConfig, maker: NodeStatusMaker, events: PodEvents
    ) -> None:
        self._config = config
        self._maker = maker
        self._events = events
        self._nodes = client.resource("", "v1", "nodes")
        self._leases = client.resource("coordination.k8s.io", "v1", "leases")
        self._node: dict[str, Any] | None = None
        self._reported = 0.0
        self._poke = asyncio.Event()
        self._lease: dict[str, Any] | None = None
        self.registered = asyncio.Event()

    @property
    def node(self) -> dict[str, Any] | None:
        """The node as last seen."""
        return self._node

    def poke(self) -> None:
        """Something of the status may have changed: look now."""
        self._poke.set()

    async def run(self) -> None:
        """Until cancelled."""
        await self._register()
        self.registered.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_often())
            group.create_task(self._renew_often())

    async def _register(self) -> None:
        pause = 0.1
        while True:
            try:
                self._node = await self._create_or_adopt()
            except ClientError as error:
                log.warning("node %s cannot be registered yet: %s", self._config.node_name, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_REGISTRATION_PAUSE)
            else:
                return

    async def _create_or_adopt(self) -> dict[str, Any]:
        name, config = self._config.node_name, self._config
        if config.register_node:
            status = self._maker.make({})
            node = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": name,
                    "labels": {**info.labels(config), **config.node_labels},
                    "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
                },
                "spec": ({"taints": config.taints} if config.taints else {})
                | ({"providerID": config.provider_id} if config.provider_id else {}),
                "status": status,
            }
            try:
                made = await self._nodes.create(node)
            except ApiError as error:
                if not error.is_already_exists:
                    raise
            else:
                log.info("registered node %s", name)
                return made
        found = await self._nodes.get(name)
        labels = found["metadata"].get("labels") or {}
        wanted = {**{key: info.labels(config)[key] for key in _OWNED_LABELS}, **config.node_labels}
        missing = {key: value for key, value in wanted.items() if labels.get(key) != value}
        if missing:
            found = await self._nodes.patch(name, {"metadata": {"labels": missing}})
        log.info("node %s was registered before", name)
        return found

    async def _tell_often(self) -> None:
        while True:
            try:
                await self._tell()
                pause = self._config.node_status_update_frequency
            except ClientError as error:
                log.warning("node status: %s", error)
                pause = 1.0
            try:
                async with asyncio.timeout(pause):
                    await self._poke.wait()
                # Several things often change at once.
                await asyncio.sleep(0.1)
            except TimeoutError:
                pass
            self._poke.clear()

    async def _tell(self) -> None:
        name = self._config.node_name
        # Others write conditions too: a node that was thought lost has to say that it is there.
        try:
            self._node = await self._nodes.get(name)
        except ApiError as error:
            if not error.is_not_found or not self._config.register_node:
                raise
            log.warning("node %s is gone from the API, registering it again", name)
            self._node = await self._create_or_adopt()
        old = self._node.get("status") or {}
        status = self._maker.make(old)
        if not has_changed(old, status) and not report_is_due(
            self._reported, self._config.node_status_report_frequency
        ):
            return
        self._node = await self._patch(name, old, status)
        self._reported = time.monotonic()
        self._tell_of_changes(old, status)

    async def _patch(self, name: str, old: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        patch = {
            field: value
            for field, value in status.items()
            if field == "conditions" or old.get(field) != value
        }
        if "addresses" in patch and old.get("addresses"):
            patch["addresses"] = [*patch["addresses"], {"$patch": "replace"}]
        return await self._nodes.patch(
            name, {"status": patch}, patch_type=STRATEGIC_MERGE_PATCH, subresource="status"
        )

    def _tell_of_changes(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        before = {item["type"]: item for item in old.get("conditions") or []}
        for condition in new["conditions"]:
            known = before.get(condition["type"])
            if known is not None and known["status"] == condition["status"]:
                continue
            if condition["type"] == "Ready":
                event = "NodeReady" if condition["status"] == "True" else "NodeNotReady"
            else:
                event = condition["reason"].replace("Kubelet", "Node", 1)
            self._events.node("Normal", event, f"Node {self._config.node_name} status is now: {event}")

    async def _renew_often(self) -> None:
        """Every quarter of the lease's duration, as upstream."""
        interval = self._config.node_lease_duration * 0.25
        pause = 0.2
        while True:
            try:
                await self._renew()
            except ClientError as error:
                log.warning("lease of node %s: %s", self._config.node_name, error)
                self._lease = None
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_REGISTRATION_PAUSE)
            else:
                pause = 0.2
                await asyncio.sleep(interval * (1 + random.random() * 0.04))  # noqa: S311  spreading load

    async def _renew(self) -> None:
        name = self._config.node_name
        if self._lease is None:
            try:
                self._lease = await self._leases.get(name, namespace=_LEASE_NAMESPACE)
            except ApiError as error:
                if not error.is_not_found:
                    raise
                meta: dict[str, Any] = {"name": name, "namespace": _LEASE_NAMESPACE}
                if self._node is not None:
                    meta["ownerReferences"] = [
                        {
                            "apiVersion": "v1",
                            "kind": "Node",
                            "name": name,
                            "uid": self._node["metadata"]["uid"],
                        }
                    ]
                spec = {
                    "holderIdentity": name,
                    "leaseDurationSeconds": self._config.node_lease_duration,
                    "renewTime": timestamps.micro_now(),
                }
                lease = {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": meta,
                    "spec": spec,
                }
                self._lease = await self._leases.create(lease, namespace=_LEASE_NAMESPACE)
                return
        lease = {
            **self._lease,
            "spec": {
                **self._lease["spec"],
                "holderIdentity": name,
                "leaseDurationSeconds": self._config.node_lease_duration,
                "renewTime": timestamps.micro_now(),
            },
        }
        self._lease = await self._leases.update(lease, namespace=_LEASE_NAMESPACE)
