"""Builds cri-docker and runs it."""

import asyncio
import logging
from typing import Final

from kprov.kube.component_base import sd_notify
from kprov.kube.component_base.rpc.server import Server
from kprov.kube.component_base.serving import HealthServer
from kprov.kube.cri_docker.containers.manager import ContainerManager
from kprov.kube.cri_docker.engine.client import Engine
from kprov.kube.cri_docker.images.manager import ImageManager
from kprov.kube.cri_docker.network.manager import NetworkManager
from kprov.kube.cri_docker.options import Options
from kprov.kube.cri_docker.sandboxes.manager import SandboxManager
from kprov.kube.cri_docker.service.image_service import ImageService
from kprov.kube.cri_docker.service.node_status import NodeStatus
from kprov.kube.cri_docker.service.runtime_service import RuntimeService
from kprov.kube.cri_docker.streaming.server import StreamingServer
from kprov.kube.cri_docker.translation.resources import read_lowest_oom_score

log = logging.getLogger(__name__)

#: How long calls under way may take when the program stops.
_STOP_SECONDS: Final = 10.0


async def serve(options: Options, stop: asyncio.Event) -> None:
    """Serve CRI until `stop` is set. OSError: the socket or the port cannot be used."""
    engine = Engine(options.engine_socket)
    images = ImageManager(engine, progress_seconds=options.pull_progress_seconds)
    network = NetworkManager(options.cni_conf_dir, options.cni_bin_dirs, options.state_dir)
    lowest_oom_score = read_lowest_oom_score(restrict=options.restrict_oom_score)
    sandboxes = SandboxManager(
        engine, images, network, pause_image=options.pause_image, lowest_oom_score=lowest_oom_score
    )
    containers = ContainerManager(engine, images, lowest_oom_score=lowest_oom_score)
    streaming = StreamingServer(engine)
    node = NodeStatus(engine, network)
    runtime = RuntimeService(engine, sandboxes, containers, node, streaming)
    server = Server({**runtime.list_methods(), **ImageService(images).list_methods()})
    health = HealthServer(address=options.health_address, port=options.health_port)
    await health.start()
    await streaming.start()
    try:
        await server.start(options.socket)
        log.info("serving CRI at %s", options.socket)
        sd_notify.notify("READY=1")
        await stop.wait()
    finally:
        await server.stop(_STOP_SECONDS)
        await streaming.stop()
        await engine.close()
        await health.stop()
