"""One runtime for all tests here, with an image that has a shell; each test removes its pods."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kprov.kube.kubelet.cri.client import CriClient
from tests.apiserver.servers import free_port
from tests.cri.docker_engine import DockerEngine, find_missing, make_busybox_archive, start_engine
from tests.cri.pods import PodMaker
from tests.lab.networks import find_subnet

_BRIDGE = "kprov-cri0"
_PLUGIN_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin")
_IMAGE = "kprov.test/busybox:1"
_PAUSE = "kprov.test/pause:1"
#: The shell is process 1, which ignores SIGTERM without a trap.
_PAUSE_COMMAND = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done")


@dataclass(frozen=True)
class Runtime:
    """endpoint: of CRI. engine: None if the tests have not started it. pid: of cri-docker, 0 for another."""

    endpoint: str
    image: str
    engine: DockerEngine | None = None
    pid: int = 0


@pytest.fixture(scope="session")
def runtime() -> Iterator[Runtime]:
    """A runtime whose network plugins work."""
    if endpoint := os.environ.get("KPROV_TEST_CRI_ENDPOINT"):
        yield Runtime(endpoint, os.environ.get("KPROV_TEST_CRI_IMAGE", "docker.io/library/busybox:latest"))
        return
    if (missing := find_missing()) is not None:
        pytest.skip(f"no Docker Engine: {missing}")
    if not any(Path(folder, "bridge").exists() for folder in _PLUGIN_FOLDERS):
        pytest.skip("no network plugins (Debian: containernetworking-plugins)")
    # Not pytest's folder: the paths of sockets have at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="kprov-cri-", dir="/var/tmp"))
    try:
        with start_engine(folder) as engine:
            archive = make_busybox_archive()
            engine.import_image(_IMAGE, archive, ["/bin/sh"])
            engine.import_image(_PAUSE, archive, _PAUSE_COMMAND)
            yield from _start_cri_docker(folder, engine)
    finally:
        subprocess.run(["ip", "link", "delete", _BRIDGE], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _start_cri_docker(folder: Path, engine: DockerEngine) -> Iterator[Runtime]:
    configuration = folder / "net.d"
    configuration.mkdir()
    network = {
        "cniVersion": "0.4.0",
        "name": "kprov-cri",
        "plugins": [
            {
                "type": "bridge",
                "bridge": _BRIDGE,
                "isGateway": True,
                "ipam": {"type": "host-local", "subnet": find_subnet("cri"), "dataDir": f"{folder}/ipam"},
            }
        ],
    }
    (configuration / "10-test.conflist").write_text(json.dumps(network), encoding="utf-8")
    socket, log = folder / "cri.sock", folder / "cri-docker.log"
    command = [
        sys.executable, "-m", "kprov.kube.cri_docker", f"--container-runtime-endpoint=unix://{socket}",
        f"--docker-endpoint=unix://{engine.socket}", f"--pod-infra-container-image={_PAUSE}",
        f"--cni-conf-dir={configuration}", f"--cni-bin-dir={','.join(_PLUGIN_FOLDERS)}",
        f"--cri-dockerd-root-directory={folder}/state", f"--healthz-bind-address=127.0.0.1:{free_port()}", "--v=4", *_restrict_oom_score(),
    ]  # fmt: skip
    with log.open("w") as file:
        process = subprocess.Popen(command, stderr=file)
    try:
        deadline = time.monotonic() + 30
        while not socket.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Runtime(f"unix://{socket}", _IMAGE, engine, process.pid)
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()[-3000:]
        assert not socket.exists()
    assert "Traceback" not in log.read_text(), log.read_text()[-5000:]


def _restrict_oom_score() -> list[str]:
    """Return the flag for a machine without CAP_SYS_RESOURCE, such as a container."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    capabilities = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
    return [] if capabilities & 1 << 24 else ["--restrict-oom-score-adj"]


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
