"""The work of the leader: connects informers, plugins and the scheduling cycle, and runs them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

from kprov.contract.scheduler.extenders import list_ignored_resources
from kprov.kube.client.events import EventRecorder
from kprov.kube.client.factory import InformerFactory
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base import garbage_collection
from kprov.kube.scheduler.attempts.decision_log import DecisionLog
from kprov.kube.scheduler.binding.pod_binder import PodBinder
from kprov.kube.scheduler.configuration.document import Configuration
from kprov.kube.scheduler.cycle.scheduler import Scheduler
from kprov.kube.scheduler.devices.binder import ClaimBinder
from kprov.kube.scheduler.extenders.extenders import Extenders
from kprov.kube.scheduler.framework.pending_bindings import PendingBindings
from kprov.kube.scheduler.framework.plugin import Profile
from kprov.kube.scheduler.informers.compact import make_transforms
from kprov.kube.scheduler.informers.event_handlers import add_event_handlers
from kprov.kube.scheduler.informers.scheduler_informers import SchedulerInformers
from kprov.kube.scheduler.options import Options
from kprov.kube.scheduler.plugins.registry import PluginResources
from kprov.kube.scheduler.preemption.eviction import Evictor
from kprov.kube.scheduler.profile import build_profile
from kprov.kube.scheduler.queue.queued_pod import Backoff
from kprov.kube.scheduler.volumes.binder import VolumeBinder

log = logging.getLogger(__name__)

#: More concurrent requests do not make the API server faster, and each of them needs a TLS handshake.
_MAX_CONCURRENT_REQUESTS = 64


async def run_scheduler(options: Options, client: RestClient) -> None:
    """Run until cancelled."""
    # The client of the lease is not limited: its requests must not wait for others.
    client = client.limit_requests(_MAX_CONCURRENT_REQUESTS)
    informer_factory = InformerFactory(client, transforms=make_transforms(), streams=True)
    informers = SchedulerInformers(informer_factory)
    configuration = options.configuration
    recorders = {
        profile.scheduler_name: EventRecorder(client, component=profile.scheduler_name)
        for profile in configuration.profiles
    }
    extenders = Extenders(configuration.extenders)
    resources = _make_resources(client, informers, extenders, configuration)
    bindings = PendingBindings(resources.waiting_pods)
    scheduler = Scheduler(
        client,
        _build_profiles(client, configuration, resources, recorders, bindings),
        recorders,
        backoff=Backoff(configuration.pod_initial_backoff_seconds, configuration.pod_max_backoff_seconds),
        bindings=bindings,
        extenders=extenders,
        on_decision=DecisionLog(informers.nodes, informers.pods).record,
    )
    add_event_handlers(scheduler, informers)
    stop_informers = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(informer_factory.run(stop_informers))
            await informer_factory.wait_for_sync()
            garbage_collection.exclude_caches()
            log.info("caches are filled: %d nodes", scheduler.state.node_count)
            await scheduler.run()
    finally:
        await extenders.close()
        for recorder in recorders.values():
            await recorder.close()


def _make_resources(
    client: RestClient, informers: SchedulerInformers, extenders: Extenders, configuration: Configuration
) -> PluginResources:
    return PluginResources(
        default_selector=informers.get_default_selector,
        listers=informers.volumes,
        binder=VolumeBinder(client, informers.volumes),
        list_budgets=informers.budgets.list,
        devices=informers.devices,
        node_volumes=informers.node_volumes,
        claim_binder=ClaimBinder(client),
        pod_binder=PodBinder(client),
        extenders=extenders,
        ignored_resources=list_ignored_resources(configuration.extenders),
    )


def _build_profiles(
    client: RestClient,
    configuration: Configuration,
    resources: PluginResources,
    recorders: Mapping[str, EventRecorder],
    bindings: PendingBindings,
) -> list[Profile]:
    """Build each profile with an evictor of its own, whose events name the profile."""
    return [
        build_profile(
            profile,
            replace(resources, evictor=Evictor(client, recorders[profile.scheduler_name], bindings.cancel)),
        )
        for profile in configuration.profiles
    ]
