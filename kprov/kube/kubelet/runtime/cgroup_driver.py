"""Asks the runtime for its cgroup driver: the kubelet has to name cgroups in the same way."""

import asyncio
import logging
from typing import Final

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure

log = logging.getLogger(__name__)

_ATTEMPTS: Final = 3
_NAMES: Final = {pb.SYSTEMD: "systemd", pb.CGROUPFS: "cgroupfs"}


async def find_cgroup_driver(cri: CriClient, configured: str, *, pause: float = 2.0) -> str:
    """Return the runtime's driver, or the configured one if the runtime does not tell.

    containerd tells since 2.0. Tries three times with `pause` seconds between, then raises RuntimeFailure
    (getCgroupDriverFromCRI).
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            answer = await cri.runtime_config()
        except RuntimeFailure as failure:
            if failure.code == "UNIMPLEMENTED":
                log.info("the container runtime does not tell its cgroup driver, so cgroupDriver is used")
                return configured
            if attempt == _ATTEMPTS:
                raise
            await asyncio.sleep(pause)
            continue
        break
    if not answer.HasField("linux"):
        return configured
    driver = _NAMES[answer.linux.cgroup_driver]
    if driver != configured:
        log.info("the container runtime uses the cgroup driver %s, not %s", driver, configured)
    return driver
