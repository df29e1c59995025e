"""Builds pod-network and runs it: from Node objects to the kernel's network."""

import asyncio
import logging

from kprov.kube.api.core import Node
from kprov.kube.client.errors import ClientError
from kprov.kube.client.factory import InformerFactory
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base import run, sd_notify
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.machinery import timestamps
from kprov.kube.pod_network import kernel
from kprov.kube.pod_network.options import Options
from kprov.kube.pod_network.reconciler import Reconciler, wait_for_changes

log = logging.getLogger(__name__)

# Seconds. No event reports a change of the rules or the sysctl, so they are checked periodically.
_RESYNC = 30.0
# Seconds. Changes often come together (a host's interfaces, a new node's status).
_SETTLE = 0.1


async def serve(options: Options, stop: asyncio.Event) -> None:
    reconciler = Reconciler(options)
    health = HealthServer(address=options.health_address, port=options.health_port)
    health.add_check("network", lambda: describe_problems(reconciler.problems))
    await health.start()
    async with RestClient.from_kubeconfig(options.kubeconfig, user_agent="pod-network") as client:
        informers = InformerFactory(client)
        nodes = informers.informer("", "v1", "nodes", Node)
        wake = asyncio.Event()
        nodes.add_handler(
            on_add=lambda _: wake.set(),
            on_update=lambda old, new: (
                wake.set() if _get_relevant_fields(old) != _get_relevant_fields(new) else None
            ),
            on_delete=lambda _: wake.set(),
        )
        monitor = kernel.RouteMonitor(wake.set)
        monitor.start()
        sd_notify.notify("READY=1")

        async def loop() -> None:
            await nodes.wait_for_sync()
            while True:
                if await reconciler.reconcile(nodes.list()):
                    await _report_network_up(client, nodes.get(None, options.node_name))
                await wait_for_changes(wake, every=_RESYNC, settle=_SETTLE)

        try:
            await run.run_until(stop, informers.run(stop), loop())
        finally:
            monitor.close()
            await health.stop()


def describe_problems(problems: dict[str, str]) -> str | None:
    """Return the problems in one line, None without problems."""
    return "; ".join(f"{subject}: {text}" for subject, text in problems.items()) or None


def _get_relevant_fields(node: Node) -> object:
    return node.spec.pod_cidr, node.spec.pod_cidrs, node.status.addresses, _get_network_unavailable(node)


def _get_network_unavailable(node: Node) -> str:
    conditions = node.status.conditions
    return next((entry.status for entry in conditions if entry.type == "NetworkUnavailable"), "")


async def _report_network_up(client: RestClient, node: Node | None) -> None:
    """Set the node's condition NetworkUnavailable to False, which removes its taint."""
    if node is None or _get_network_unavailable(node) == "False":
        return
    now = timestamps.now()
    condition = {
        "type": "NetworkUnavailable",
        "status": "False",
        "reason": "PodNetworkIsUp",
        "message": "The CNI configuration, the routes to the other nodes and the nftables rules are in place",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    try:
        await client.resource("", "v1", "nodes").patch(
            node.metadata.name,
            {"status": {"conditions": [condition]}},
            patch_type="application/strategic-merge-patch+json",
            subresource="status",
        )
    except ClientError as error:
        log.warning("writing the node's status, trying again: %s", error)
