"""Runs the controller manager: its port, its lease, its controllers."""

import asyncio
import contextlib
import logging
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Final

from kprov.kube.client import InformerFactory, LeaderElector, RestClient
from kprov.kube.client.delegated_auth import DelegatedAuth
from kprov.kube.client.request_metrics import observe_request
from kprov.kube.component_base import garbage_collection, sd_notify
from kprov.kube.component_base.run import run_until
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.component_base.serving_flags import make_health_server
from kprov.kube.controller_manager import registry
from kprov.kube.controller_manager.framework.clients import ClientBuilder, make_user_agent
from kprov.kube.controller_manager.framework.compact import make_transforms
from kprov.kube.controller_manager.framework.controller import Context, Controller

log = logging.getLogger(__name__)

# More requests at once make no server faster, but each of them needs a connection with its own handshake.
_REQUESTS_AT_ONCE: Final = 64


async def run(options: Namespace, stop: asyncio.Event) -> int:
    """Serve health, wait for the lease, run controllers while holding it. Raises LeadershipLost."""
    if wrong := registry.find_unknown(options.controllers):
        log.error("--controllers: %s: no such controller", ", ".join(wrong))
        return 1
    client = RestClient.from_kubeconfig(
        options.kubeconfig,
        server=options.master,
        user_agent=make_user_agent(),
        qps=options.kube_api_qps,
        burst=options.kube_api_burst,
        observe=observe_request,
    )
    server = _make_server(options, client)
    async with client, _make_builder(options, client) as clients:
        if server is not None:
            await server.start()
        try:
            if not options.leader_elect:
                sd_notify.notify("READY=1")
                await run_until(stop, run_controllers(clients, options, stop))
                return 0
            elector = LeaderElector(
                clients.make_root_client("leader-election"),
                lease=options.leader_elect_resource_name,
                namespace=options.leader_elect_resource_namespace,
                on_started=lambda: run_controllers(clients, options, stop),
                lease_duration=options.leader_elect_lease_duration,
                renew_deadline=options.leader_elect_renew_deadline,
                retry_period=options.leader_elect_retry_period,
            )
            clients.guard_changes(elector.get_seconds_left)
            if server is not None:
                server.add_check("leaderElection", elector.check_health)
            # A standby is ready: only one instance leads.
            sd_notify.notify("READY=1")
            await elector.run(stop)
        finally:
            if server is not None:
                await server.stop()
    return 0


async def run_controllers(clients: ClientBuilder, options: Namespace, stop: asyncio.Event) -> None:
    """Run the enabled controllers until cancelled."""
    informers = InformerFactory(
        clients.make_root_client("shared-informers"), transforms=make_transforms(), streams=True
    )

    def make(name: str) -> Controller:
        own = registry.ROOT_CLIENTS.get(name)
        client = clients.make_root_client(own) if own else clients.make_client(registry.ACCOUNTS[name])
        controller: Controller = registry.load_controller(name)(Context(client, informers, options))
        return controller

    controllers = [make(name) for name in registry.CONTROLLERS if _is_selected(name, options)]
    async with asyncio.TaskGroup() as group:
        group.create_task(informers.run(stop))
        log.info("waiting for caches to sync")
        await informers.wait_for_sync()
        garbage_collection.exclude_caches()
        log.info("caches are synced, starting %d controllers", len(controllers))
        for controller in controllers:
            if options.controller_start_interval:
                await asyncio.sleep(options.controller_start_interval)
            group.create_task(controller.run(), name=controller.name)


@contextlib.asynccontextmanager
async def _make_builder(options: Namespace, client: RestClient) -> AsyncIterator[ClientBuilder]:
    if not options.use_service_account_credentials:
        yield ClientBuilder(client)
        return
    unidentified = RestClient(
        client.config.without_credentials(),
        qps=options.kube_api_qps,
        burst=options.kube_api_burst,
        requests_at_once=_REQUESTS_AT_ONCE,
        observe=observe_request,
    )
    async with unidentified:
        yield ClientBuilder(client, unidentified)


def _is_selected(name: str, options: Namespace) -> bool:
    if not registry.is_enabled(name, options.controllers):
        log.info("controller %s is disabled", name)
        return False
    if not registry.has_required_options(name, options):
        log.info("controller %s is not started, its options are not set", name)
        return False
    return True


def _make_server(options: Namespace, client: RestClient) -> HealthServer | None:
    if options.secure_port == 0:
        return None
    return make_health_server(options, DelegatedAuth(client, options.authorization_always_allow_paths))
