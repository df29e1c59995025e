"""Builds kube-proxy and runs it: from services, endpoint slices and this node to the nftables table."""

import asyncio
import logging
import time

from kprov.kube.api.core import Node, Service
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.client.factory import InformerFactory
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base import run, sd_notify
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.proxy import kernel
from kprov.kube.proxy.healthcheck import HealthCheckPorts
from kprov.kube.proxy.nftables.base_table import RuleSettings
from kprov.kube.proxy.options import Options
from kprov.kube.proxy.proxier import Proxier
from kprov.kube.proxy.services import SERVICE_NAME_LABEL, filter_by_family
from kprov.kube.proxy.state import State

log = logging.getLogger(__name__)

_ZONE_LABEL = "topology.kubernetes.io/zone"
_OTHER_PROXY = "!service.kubernetes.io/service-proxy-name"
_HEALTH_PORTS_EVERY = 1.0


def _get_service_key(piece: EndpointSlice) -> str:
    return f"{piece.metadata.namespace}/{piece.metadata.labels.get(SERVICE_NAME_LABEL, '')}"


async def serve(options: Options, stop: asyncio.Event) -> None:
    if options.cleanup:
        for family in ("ip", "ip6"):
            await kernel.delete_table(family)
        return
    async with RestClient.from_kubeconfig(options.kubeconfig, user_agent="kube-proxy") as client:
        informers = InformerFactory(client)
        services = informers.informer("", "v1", "services", Service, label_selector=_OTHER_PROXY)
        slices = informers.informer(
            "discovery.k8s.io",
            "v1",
            "endpointslices",
            EndpointSlice,
            label_selector=f"{_OTHER_PROXY},!service.kubernetes.io/headless",
            indexers={"service": lambda piece: [_get_service_key(piece)]},
        )
        nodes = informers.informer(
            "", "v1", "nodes", Node, field_selector=f"metadata.name={options.node_name}"
        )

        def get_service(key: str) -> Service | None:
            namespace, _, name = key.partition("/")
            return services.get(namespace, name)

        state = State(
            settings=RuleSettings(
                family=4,
                cluster_cidr=options.get_cluster_cidr(4),
                masquerade_all=options.masquerade_all,
                masquerade_mark=1 << options.masquerade_bit,
                all_node_addresses=options.all_node_addresses,
            ),
            node_name=options.node_name,
            get_service=get_service,
            get_slices=lambda key: slices.by_index("service", key),
        )
        proxier = Proxier(
            state,
            node_port_addresses=options.node_port_addresses,
            sync_period=options.sync_period,
            min_sync_period=options.min_sync_period,
        )

        def node_changed(node: Node) -> None:
            internal = [entry.address for entry in node.status.addresses if entry.type == "InternalIP"]
            proxier.set_node(filter_by_family(internal, 4), node.metadata.labels.get(_ZONE_LABEL, ""))

        services.add_handler(
            on_add=lambda new: proxier.mark_changed(new.key),
            on_update=lambda _, new: proxier.mark_changed(new.key),
            on_delete=lambda old: proxier.mark_changed(old.key),
        )
        slices.add_handler(
            on_add=lambda new: proxier.mark_changed(_get_service_key(new)),
            on_update=lambda _, new: proxier.mark_changed(_get_service_key(new)),
            on_delete=lambda old: proxier.mark_changed(_get_service_key(old)),
        )
        nodes.add_handler(on_add=node_changed, on_update=lambda _, new: node_changed(new))
        await _serve_until(stop, options, informers, proxier, state)


async def _serve_until(
    stop: asyncio.Event, options: Options, informers: InformerFactory, proxier: Proxier, state: State
) -> None:
    health = HealthServer(address=options.healthz[0], port=options.healthz[1])
    health.add_check("sync", lambda: proxier.problem or None)
    metrics = HealthServer(address=options.metrics[0], port=options.metrics[1])
    ports = HealthCheckPorts()
    await health.start()
    await metrics.start()

    async def run_proxier() -> None:
        await informers.wait_for_sync()
        log.info("caches are synced, writing rules")
        await proxier.run()

    async def update_health_ports() -> None:
        await informers.wait_for_sync()
        while True:
            wanted = {
                entry.ports[0].health_check_node_port: (*entry.ports[0].name[:2], entry.ready_local)
                for entry in state.services.values()
                if entry.ports[0].health_check_node_port and entry.ports[0].external_local
            }
            await ports.set(wanted, proxy_healthy=not proxier.problem)
            await asyncio.sleep(_HEALTH_PORTS_EVERY)

    sd_notify.notify("READY=1")
    started = time.monotonic()
    try:
        await run.run_until(stop, informers.run(stop), run_proxier(), update_health_ports())
    finally:
        # The rules stay, so services work while a new kube-proxy starts.
        log.info("stopped after %.0f s, the rules stay", time.monotonic() - started)
        ports.close()
        await health.stop()
        await metrics.stop()
