"""Builds local-path-provisioner and runs it."""

import asyncio
import logging
from typing import Final

from kprov.kube.client import EventRecorder, InformerFactory, RestClient, run_workers
from kprov.kube.component_base import run, sd_notify
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.local_path_provisioner.directories import VolumeDirectories
from kprov.kube.local_path_provisioner.options import Options
from kprov.kube.local_path_provisioner.provisioner import Provisioner

log = logging.getLogger(__name__)

_WORKERS: Final = 4
_CLEAN_UP_SECONDS: Final = 600.0


async def serve(options: Options, stop: asyncio.Event) -> None:
    directories = VolumeDirectories(options.volumes_dir)
    await asyncio.to_thread(directories.prepare)
    health = HealthServer(address=options.health_address, port=options.health_port)
    health.add_check("volumes-dir", directories.describe_problem)
    await health.start()
    async with RestClient.from_kubeconfig(options.kubeconfig, user_agent="local-path-provisioner") as client:
        informers = InformerFactory(client)
        recorder = EventRecorder(
            client, component=f"{options.provisioner_name}_{options.node_name}", host=options.node_name
        )
        provisioner = Provisioner(options, client, informers, recorder, directories)
        sd_notify.notify("READY=1")

        async def work() -> None:
            await informers.wait_for_sync()
            async with asyncio.TaskGroup() as group:
                name = "local-path-provisioner"
                group.create_task(
                    run_workers(provisioner.queue, provisioner.sync, workers=_WORKERS, name=name)
                )
                group.create_task(_clean_up(provisioner))

        try:
            await run.run_until(stop, informers.run(stop), work())
        finally:
            await recorder.close()
            await health.stop()


async def _clean_up(provisioner: Provisioner) -> None:
    while True:
        try:
            for name in await provisioner.remove_unused_directories():
                log.info("removed the empty directory %s, which no volume has", name)
        except OSError as error:
            log.warning("looking for unused directories: %s", error)
        await asyncio.sleep(_CLEAN_UP_SECONDS)
