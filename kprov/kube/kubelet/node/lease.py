"""The node's lease. Its renewals show the node lifecycle controller that the node is alive."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from kprov.kube.client import ApiError, ClientError, RestClient
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_NAMESPACE: Final = "kube-node-lease"
_FIRST_RETRY: Final = 0.2
_MAX_RETRY: Final = 7.0


class NodeLease:
    """`get_node_uid()`: uid of the node that owns the lease, "" while it is not known."""

    def __init__(
        self, client: RestClient, config: KubeletConfiguration, get_node_uid: Callable[[], str]
    ) -> None:
        self._config = config
        self._get_node_uid = get_node_uid
        self._leases = client.resource("coordination.k8s.io", "v1", "leases")
        self._lease: JsonObject | None = None

    async def run(self) -> None:
        """Renew the lease every quarter of its duration, as upstream, until cancelled."""
        interval = self._config.node_lease_duration * 0.25
        retry = _FIRST_RETRY
        while True:
            try:
                await self._renew()
            except ClientError as error:
                log.warning("renewing the lease of node %s: %s", self._config.node_name, error)
                self._lease = None
                await asyncio.sleep(retry)
                retry = min(retry * 2, _MAX_RETRY)
            else:
                retry = _FIRST_RETRY
                await asyncio.sleep(interval * (1 + random.random() * 0.04))  # noqa: S311  spreading load

    async def _renew(self) -> None:
        if self._lease is None:
            try:
                self._lease = await self._leases.get(self._config.node_name, namespace=_NAMESPACE)
            except ApiError as error:
                if not error.is_not_found:
                    raise
                self._lease = await self._leases.create(self._make_lease(), namespace=_NAMESPACE)
                return
        lease = {**self._lease, "spec": {**self._lease["spec"], **self._make_spec()}}
        self._lease = await self._leases.update(lease, namespace=_NAMESPACE)

    def _make_lease(self) -> JsonObject:
        name = self._config.node_name
        meta: JsonObject = {"name": name, "namespace": _NAMESPACE}
        if uid := self._get_node_uid():
            meta["ownerReferences"] = [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": meta,
            "spec": self._make_spec(),
        }

    def _make_spec(self) -> JsonObject:
        return {
            "holderIdentity": self._config.node_name,
            "leaseDurationSeconds": self._config.node_lease_duration,
            "renewTime": timestamps.micro_now(),
        }
