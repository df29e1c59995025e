"""Builds the cluster DNS and runs it: from services and endpoint slices to responses."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from kprov.kube.api.core import Service
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.api.meta import PartialObjectMetadata
from kprov.kube.client.factory import InformerFactory
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base import run, sd_notify
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.component_helpers import resolv_conf
from kprov.kube.dns import address, records
from kprov.kube.dns.forwarder import Forwarder
from kprov.kube.dns.options import Options
from kprov.kube.dns.resolver import Resolver
from kprov.kube.dns.server import DnsServer
from kprov.kube.dns.zone import Zone

log = logging.getLogger(__name__)

_SERVICE_NAME_LABEL = "kubernetes.io/service-name"


def _get_service_key(piece: EndpointSlice) -> str:
    return f"{piece.metadata.namespace}/{piece.metadata.labels.get(_SERVICE_NAME_LABEL, '')}"


async def serve(options: Options, stop: asyncio.Event) -> None:
    problem: dict[str, str | None] = {"address": await address.ensure_address(options.listen_address)}
    async with RestClient.from_kubeconfig(options.kubeconfig, user_agent="cluster-dns") as client:
        informers = InformerFactory(client)
        zone, feed = _make_zone(informers, options.cluster_domain)
        forwarder = Forwarder(_list_servers(options))
        resolver = Resolver(zone, forwarder)
        server = DnsServer(resolver, options.listen_address, options.port)
        health = HealthServer(address=options.metrics[0], port=options.metrics[1])
        health.add_check("address", lambda: problem["address"])
        health.add_check(
            "records", lambda: None if resolver.ready else "waiting for the API server", ready_only=True
        )
        await health.start()
        await server.start()
        sd_notify.notify("READY=1")

        async def follow() -> None:
            await informers.wait_for_sync()
            feed()
            resolver.ready = True
            log.info("%d names known", zone.version)

        async def keep() -> None:
            while True:
                await asyncio.sleep(address.CHECK_SECONDS)
                problem["address"] = await address.ensure_address(options.listen_address)
                if not options.upstream:
                    forwarder.servers = _list_servers(options)

        try:
            await run.run_until(stop, informers.run(stop), follow(), keep())
        finally:
            await server.stop()
            await health.stop()


def _make_zone(informers: InformerFactory, domain: str) -> tuple[Zone, Callable[[], None]]:
    services = informers.informer("", "v1", "services", Service)
    # All of them: slices written by hand for a headless service carry no label that tells them apart.
    slices = informers.informer(
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        EndpointSlice,
        indexers={"service": lambda piece: [_get_service_key(piece)]},
    )
    namespaces = informers.informer("", "v1", "namespaces", PartialObjectMetadata)
    zone = Zone(domain, has_namespace=lambda name: namespaces.get(None, name) is not None)

    def update(key: str) -> None:
        namespace, _, name = key.partition("/")
        service = services.get(namespace, name)
        service_records = (
            records.make_service_records(service, slices.by_index("service", key), domain)
            if service
            else ({}, {})
        )
        zone.set_service(key, *service_records)

    def namespaces_changed(_: object) -> None:
        zone.version += 1

    services.add_handler(
        on_add=lambda new: update(new.key),
        on_update=lambda _, new: update(new.key),
        on_delete=lambda old: update(old.key),
    )
    slices.add_handler(
        on_add=lambda new: update(_get_service_key(new)),
        on_update=lambda _, new: update(_get_service_key(new)),
        on_delete=lambda old: update(_get_service_key(old)),
    )
    namespaces.add_handler(on_add=namespaces_changed, on_delete=namespaces_changed)

    def feed() -> None:
        for service in services.list():
            update(service.key)

    return zone, feed


def _list_servers(options: Options) -> list[str]:
    if options.upstream:
        return options.upstream
    path = resolv_conf.resolve_stub(options.resolv_conf)
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        log.warning("%s: %s", path, error.strerror)
        return []
    return [server for server in resolv_conf.parse_servers(text) if server != options.listen_address]
