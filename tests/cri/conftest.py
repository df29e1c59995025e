"""One runtime for all tests here, with an image that has a shell; each test removes its pods."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kprov.kube.kubelet.cri.client import CriClient
from tests.cri.cri_docker_program import (
    BRIDGE,
    IMAGE,
    PAUSE,
    PAUSE_COMMAND,
    PLUGIN_FOLDERS,
    Runtime,
    start_cri_docker,
    write_network,
)
from tests.cri.docker_engine import find_missing, make_busybox_archive, start_engine, unmount_all
from tests.cri.pods import PodMaker
from tests.lab.networks import find_subnet


@pytest.fixture(scope="session")
def runtime() -> Iterator[Runtime]:
    """A runtime whose network plugins work."""
    if endpoint := os.environ.get("KPROV_TEST_CRI_ENDPOINT"):
        yield Runtime(endpoint, os.environ.get("KPROV_TEST_CRI_IMAGE", "docker.io/library/busybox:latest"))
        return
    if (missing := find_missing()) is not None:
        pytest.skip(f"no Docker Engine: {missing}")
    if not any(Path(folder, "bridge").exists() for folder in PLUGIN_FOLDERS):
        pytest.skip("no network plugins (Debian: containernetworking-plugins)")
    # Not pytest's folder: the paths of sockets have at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="kprov-cri-", dir="/var/tmp"))
    try:
        with start_engine(folder) as engine:
            archive = make_busybox_archive()
            engine.import_image(IMAGE, archive, ["/bin/sh"])
            engine.import_image(PAUSE, archive, PAUSE_COMMAND)
            write_network(folder)
            with start_cri_docker(engine, "first") as started:
                yield started
    finally:
        subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)
        unmount_all(folder)
        shutil.rmtree(folder)


@pytest.fixture
async def cri(runtime: Runtime) -> AsyncIterator[CriClient]:
    """The kubelet's client."""
    client = CriClient(runtime.endpoint)
    yield client
    await client.close()


@pytest.fixture
async def pods(runtime: Runtime, cri: CriClient, tmp_path: Path) -> AsyncIterator[PodMaker]:
    """Makes pods and removes them."""
    maker = PodMaker(cri, runtime.image, tmp_path)
    yield maker
    await maker.remove_all()


@pytest.fixture(scope="session")
def subnet() -> ipaddress.IPv4Network:
    """The network of the pods."""
    return ipaddress.IPv4Network(find_subnet("cri"))
