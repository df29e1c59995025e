"""Starts kube-scheduler: its client, its health server, and leader election."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from kprov.kube.client.delegated_auth import DelegatedAuth
from kprov.kube.client.leader_election import LeaderElector
from kprov.kube.client.request_metrics import observe_request
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base import run, sd_notify
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.component_base.serving_flags import make_health_server
from kprov.kube.scheduler.options import Options


async def serve(options: Options, stop: asyncio.Event) -> None:
    """Run until `stop` is set. Raise LeadershipLost when another scheduler may lead already."""
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
                await run.run_until(stop, _make_elector(options, client).run(stop))
            else:
                await run.run_until(stop, _LeaderWork(options, client).run())
        finally:
            if health is not None:
                await health.stop()


def _make_server(options: Namespace, client: RestClient) -> HealthServer | None:
    if options.secure_port == 0:
        return None
    return make_health_server(options, DelegatedAuth(client, options.authorization_always_allow_paths))


def _make_elector(options: Options, client: RestClient) -> LeaderElector:
    """Return an elector whose work sends changes only while this process leads."""
    work = _LeaderWork(options, client)
    elector = LeaderElector(
        client,
        lease=options.lease_name,
        namespace=options.lease_namespace,
        on_started=work.run,
        lease_duration=options.lease_duration,
        renew_deadline=options.renew_deadline,
        retry_period=options.retry_period,
    )
    work.client = client.guard_changes(elector.get_seconds_left)
    return elector


class _LeaderWork:
    """Runs the scheduler with `client`, which may be replaced until the work starts."""

    def __init__(self, options: Options, client: RestClient) -> None:
        self._options = options
        self.client = client

    async def run(self) -> None:
        """Load NumPy and the caches only now, so that a standby stays small."""
        from kprov.kube.scheduler.leader import run_scheduler

        await run_scheduler(self._options, self.client)
