"""Registers the node and reports its status (pkg/kubelet/kubelet_node_status.go)."""

import asyncio
import logging
import time
from typing import Final

from kprov.kube.client import ApiError, ClientError, RestClient
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.node import info
from kprov.kube.kubelet.node.lease import NodeLease
from kprov.kube.kubelet.node.status import NodeStatusBuilder, has_changed, is_report_due
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

# Labels that the kubelet sets on a node that exists already.
_OWNED_LABELS: Final = (
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
)
_MAX_REGISTRATION_PAUSE: Final = 7.0


class NodeReporter:
    """The node's object in the API, and its lease."""

    def __init__(
        self,
        client: RestClient,
        config: KubeletConfiguration,
        builder: NodeStatusBuilder,
        events: EventSender,
    ) -> None:
        self._config = config
        self._builder = builder
        self._events = events
        self._nodes = client.resource("", "v1", "nodes")
        self._lease = NodeLease(client, config, self._get_uid)
        self._node: JsonObject | None = None
        self._reported_at = 0.0
        self._wake = asyncio.Event()

    def _get_uid(self) -> str:
        return str(self._node["metadata"]["uid"]) if self._node is not None else ""

    def report_soon(self) -> None:
        """Report the status now if it changed."""
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled."""
        await self._register()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report_periodically())
            group.create_task(self._lease.run())

    async def _register(self) -> None:
        pause = 0.1
        while True:
            try:
                self._node = await self._create_or_get()
            except ClientError as error:
                log.warning("registering node %s, trying again: %s", self._config.node_name, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_REGISTRATION_PAUSE)
            else:
                return

    async def _create_or_get(self) -> JsonObject:
        name, config = self._config.node_name, self._config
        if config.register_node:
            status = self._builder.build({})
            document = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": name,
                    "labels": {**info.make_labels(config), **config.node_labels},
                    "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
                },
                "spec": ({"taints": config.taints} if config.taints else {})
                | ({"providerID": config.provider_id} if config.provider_id else {}),
                "status": status,
            }
            try:
                made = await self._nodes.create(document)
            except ApiError as error:
                if not error.is_already_exists:
                    raise
            else:
                log.info("registered node %s", name)
                return made
        node = await self._nodes.get(name)
        labels = node["metadata"].get("labels") or {}
        expected = {**{key: info.make_labels(config)[key] for key in _OWNED_LABELS}, **config.node_labels}
        missing = {key: value for key, value in expected.items() if labels.get(key) != value}
        if missing:
            node = await self._nodes.patch(name, {"metadata": {"labels": missing}})
        log.info("node %s exists already", name)
        return node

    async def _report_periodically(self) -> None:
        while True:
            try:
                await self._report()
                pause = self._config.node_status_update_frequency
            except ClientError as error:
                log.warning("reporting the status of node %s: %s", self._config.node_name, error)
                pause = 1.0
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                # Several parts of the status often change together.
                await asyncio.sleep(0.1)
            except TimeoutError:
                pass
            self._wake.clear()

    async def _report(self) -> None:
        name = self._config.node_name
        # Controllers write conditions too: the node lifecycle controller may have set Ready to Unknown.
        try:
            self._node = await self._nodes.get(name)
        except ApiError as error:
            if not error.is_not_found or not self._config.register_node:
                raise
            log.warning("node %s was deleted from the API, registering it again", name)
            self._node = await self._create_or_get()
        old = self._node.get("status") or {}
        status = self._builder.build(old)
        if not has_changed(old, status) and not is_report_due(
            self._reported_at, self._config.node_status_report_frequency
        ):
            return
        self._node = await self._patch(name, old, status)
        self._reported_at = time.monotonic()
        self._send_events(old, status)

    async def _patch(self, name: str, old: JsonObject, status: JsonObject) -> JsonObject:
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

    def _send_events(self, old: JsonObject, new: JsonObject) -> None:
        before = {item["type"]: item for item in old.get("conditions") or []}
        for condition in new["conditions"]:
            known = before.get(condition["type"])
            if known is not None and known["status"] == condition["status"]:
                continue
            if condition["type"] == "Ready":
                event = "NodeReady" if condition["status"] == "True" else "NodeNotReady"
            else:
                event = condition["reason"].replace("Kubelet", "Node", 1)
            self._events.send_node_event(
                "Normal", event, f"Node {self._config.node_name} status is now: {event}"
            )
