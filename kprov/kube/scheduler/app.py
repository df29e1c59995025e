"""Wires kube-scheduler together: informers in, bindings out, one leader."""

from __future__ import annotations

import asyncio
import logging
from argparse import Namespace
from dataclasses import replace

from kprov.kube.client.delegated_auth import DelegatedAuth
from kprov.kube.client.events import EventRecorder
from kprov.kube.client.factory import InformerFactory
from kprov.kube.client.leader_election import LeaderElector
from kprov.kube.client.request_metrics import observe_request
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base import garbage_collection, run, sd_notify
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.component_base.serving_flags import make_health_server
from kprov.kube.scheduler.options import Options

log = logging.getLogger(__name__)

#: More requests at once make no server faster, but each of them needs a connection with its own handshake.
_REQUESTS_AT_ONCE = 64


async def serve(options: Options, stop: asyncio.Event) -> None:
    """Until stopped; LeadershipLost when another may lead already."""
    async with RestClient.from_kubeconfig(
        options.kubeconfig,
        server=options.master,
        user_agent="kube-scheduler",
        qps=options.qps,
        burst=options.burst,
        observe=observe_request,
    ) as client:
        health = _make_server(options.serving, client)
        if health is not None:
            await health.start()
        sd_notify.notify("READY=1")
        try:
            if options.leader_elect:
                elector = LeaderElector(
                    client,
                    lease=options.lease_name,
                    namespace=options.lease_namespace,
                    on_started=lambda: run_scheduler(options, guarded),
                    lease_duration=options.lease_duration,
                    renew_deadline=options.renew_deadline,
                    retry_period=options.retry_period,
                )
                guarded = client.guard_changes(elector.get_seconds_left)
                await run.run_until(stop, elector.run(stop))
            else:
                await run.run_until(stop, run_scheduler(options, client))
        finally:
            if health is not None:
                await health.stop()


def _make_server(options: Namespace, client: RestClient) -> HealthServer | None:
    if options.secure_port == 0:
        return None
    return make_health_server(options, DelegatedAuth(client, options.authorization_always_allow_paths))


async def run_scheduler(options: Options, client: RestClient) -> None:
    """The leader's work. NumPy and the caches are loaded only here: a standby stays small."""
    from kprov.kube.scheduler.binding import PodBinder
    from kprov.kube.scheduler.compact import make_transforms
    from kprov.kube.scheduler.configuration.extenders import list_ignored_resources
    from kprov.kube.scheduler.decision_log import DecisionLog
    from kprov.kube.scheduler.devices.binder import ClaimBinder
    from kprov.kube.scheduler.event_handlers import SchedulerInformers, add_event_handlers
    from kprov.kube.scheduler.extenders.extenders import Extenders
    from kprov.kube.scheduler.preemption.eviction import Evictor
    from kprov.kube.scheduler.profile import PluginResources, build_profile
    from kprov.kube.scheduler.queued_pod import Backoff
    from kprov.kube.scheduler.scheduler import Scheduler
    from kprov.kube.scheduler.volumes.binder import VolumeBinder

    # Not for the lease: its requests must not wait.
    client = client.limit_requests(_REQUESTS_AT_ONCE)
    informers = InformerFactory(client, transforms=make_transforms(), streams=True)
    sources = SchedulerInformers(informers)
    configuration = options.configuration
    recorders = {
        profile.scheduler_name: EventRecorder(client, component=profile.scheduler_name)
        for profile in configuration.profiles
    }
    extenders = Extenders(configuration.extenders)
    resources = PluginResources(
        default_selector=sources.get_default_selector,
        listers=sources.volumes,
        binder=VolumeBinder(client, sources.volumes),
        list_budgets=sources.budgets.list,
        devices=sources.devices,
        node_volumes=sources.node_volumes,
        claim_binder=ClaimBinder(client),
        pod_binder=PodBinder(client),
        extenders=extenders,
        ignored_resources=list_ignored_resources(configuration.extenders),
    )
    profiles = []
    for profile in configuration.profiles:
        recorder = recorders[profile.scheduler_name]
        evictor = Evictor(client, recorder, lambda uid: scheduler.cancel_binding(uid))
        profiles.append(build_profile(profile, replace(resources, evictor=evictor)))
    backoff = Backoff(configuration.pod_initial_backoff_seconds, configuration.pod_max_backoff_seconds)
    scheduler = Scheduler(
        client,
        profiles,
        recorders,
        backoff=backoff,
        waiting_pods=resources.waiting_pods,
        extenders=extenders,
        on_decision=DecisionLog(sources.nodes, sources.pods).record,
    )
    add_event_handlers(scheduler, sources)
    stopped = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(informers.run(stopped))
            await informers.wait_for_sync()
            garbage_collection.exclude_caches()
            log.info("caches are filled: %d nodes", scheduler.state.node_count)
            await scheduler.run()
    finally:
        await extenders.close()
        for recorder in recorders.values():
            await recorder.close()
