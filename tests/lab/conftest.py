"""Lab hosts and a cluster on them, made once from nothing and shared; every test leaves them as it found them."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kprov.lab import access, lifecycle
from tests.lab.diagnosis import pytest_runtest_makereport  # noqa: F401  a hook
from tests.lab.networks import find_subnet

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
KPROV = Path(sys.executable).parent / "kprov"
#: Another name and network, where another lab on this machine has these.
LAB = os.environ.get("KPROV_TEST_LAB", "test")
SUBNET = find_subnet("lab")
HOSTS = ("node1", "node2", "node3")
NODE1 = str(ipaddress.ip_network(SUBNET)[11])
#: Files in the order in which they run: what needs only hosts, then the cluster, then what takes it apart.
ORDER = ("test_distributions", "test_lab", "test_transport", "test_connections", "test_action_plugins", "test_bad_input", "test_preflight", "test_preflight_software", "test_check", "test_parity", "test_up", "test_workload", "test_kubectl", "test_streaming", "test_load_balancer", "test_keys", "test_rerun", "test_verify",
         "test_faults", "test_reset")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it is lab tests; files in ORDER, unknown ones before the destructive."""
    mine = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.lab)
    rank = {name: index for index, name in enumerate(ORDER)}
    mine.sort(key=lambda item: rank.get(item.path.stem, rank["test_verify"]))
    items[:] = mine + [item for item in items if item not in mine]


def run(
    *command: str | Path,
    timeout: float = 600,
    check: bool = True,
    stdin: str | None = None,
    directory: Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """A program to its end, its output captured; shown when it fails."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=timeout, check=False, input=stdin,
        cwd=directory, env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
    )  # fmt: skip
    if check and done.returncode != 0:
        pytest.fail(
            f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-4000:]}"
        )
    return done


def eventually(what: str, look: Callable[[], T], *, timeout: float = 60, every: float = 0.5) -> T:
    """Wait for a true value of look() and return it. At the timeout, fail with its last value or error."""
    deadline = time.monotonic() + timeout
    while True:
        last: object
        try:
            value = look()
            if value:
                return value
            last = value
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
            last = error
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {timeout} s; last seen: {last!r}")
        time.sleep(every)


@dataclass(frozen=True)
class Lab:
    """Three bare hosts and the inventory that names them."""

    inventory: Path
    name: str = LAB
    #: Where kprov runs instead of the repository, with relative paths.
    directory: Path | None = None

    def words(self, *arguments: str | Path) -> list[str | Path]:
        """The arguments with paths as an operator types them in this directory."""
        if self.directory is None:
            return list(arguments)
        return [
            os.path.relpath(word, self.directory) if isinstance(word, Path) else word for word in arguments
        ]

    def kprov(
        self, *arguments: str | Path, check: bool = True, timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """`kprov ARGUMENTS`."""
        where = self.directory or ROOT
        return run(KPROV, *self.words(*arguments), check=check, timeout=timeout, directory=where)

    def ssh(self, host: str, command: str, *, check: bool = True, timeout: float = 60) -> str:
        """Standard output of a command as root on a host, by the ssh that `kprov lab ssh` becomes."""
        lab, target = lifecycle.find_host(self.name, host)
        as_root = f"sudo sh -c {shlex.quote(command)}"
        return run(*access.ssh_command(lab, target, [as_root]), check=check, timeout=timeout).stdout

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts."""
        return HOSTS

    @property
    def vip(self) -> str:
        """The address that moves between the control plane hosts."""
        return self.numbered(100)

    def address(self, host: str) -> str:
        """A host's address."""
        return self.numbered(11 + HOSTS.index(host))

    def numbered(self, number: int) -> str:
        """An address of the lab's network."""
        return str(ipaddress.ip_network(SUBNET)[number])

    def kill(self, host: str) -> None:
        """Pull the plug."""
        self.kprov("lab", "kill", "--name", self.name, host)

    def start(self, host: str) -> None:
        """Boot the same disk again."""
        self.kprov("lab", "start", "--name", self.name, host)


@dataclass(frozen=True)
class Cluster:
    """The cluster on the lab's hosts, with kubectl as Debian ships it.

    `planned` and `made` are the changes of `plan` on the bare hosts and of the `up` after it.
    """

    lab: Lab
    kubectl_path: Path
    first_run: subprocess.CompletedProcess[str]
    planned: list[dict[str, Any]] = field(default_factory=list)
    made: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig on this machine."""
        return self.lab.inventory / "artifacts" / "admin.conf"

    def kubectl(
        self, *arguments: str, check: bool = True, stdin: str | None = None, timeout: float = 90
    ) -> str:
        """Standard output of kubectl."""
        return self.kubectl_run(*arguments, check=check, stdin=stdin, timeout=timeout).stdout

    def kubectl_run(
        self, *arguments: str, check: bool = True, stdin: str | None = None, timeout: float = 90
    ) -> subprocess.CompletedProcess[str]:
        """kubectl to its end."""
        return run(
            self.kubectl_path,
            "--kubeconfig",
            self.kubeconfig,
            *arguments,
            check=check,
            stdin=stdin,
            timeout=timeout,
        )

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get ... -o json`."""
        document: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return document

    def apply(self, *objects: dict[str, Any], namespace: str) -> None:
        """`kubectl apply` of objects."""
        self.kubectl("apply", "-n", namespace, "-f", "-", stdin="\n".join(json.dumps(obj) for obj in objects))

    def running_pods(self, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Pods that are Ready and not on their way out."""
        arguments = ["pods", "-n", namespace] + (["-l", selector] if selector else [])
        return [
            pod
            for pod in self.get(*arguments)["items"]
            if "deletionTimestamp" not in pod["metadata"]
            and any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in pod.get("status", {}).get("conditions", [])
            )
        ]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Hosts made from nothing, also over what an earlier, killed run left behind."""
    if os.geteuid() != 0:
        pytest.fail("lab tests make hosts on this machine and need root")
    # For work on the tests themselves: the hosts stay, and the next run brings only what changed.
    keep = os.environ.get("KPROV_KEEP_LAB")
    inventory = Path(keep) if keep else tmp_path_factory.mktemp("inventory")
    if not keep:
        run(KPROV, "lab", "down", "--name", LAB, check=False)
    up = (
        "lab",
        "up",
        "--name",
        LAB,
        "--subnet",
        SUBNET,
        "--hosts",
        str(len(HOSTS)),
        "--inventory",
        inventory,
    )
    run(KPROV, *up, timeout=900)
    try:
        yield Lab(inventory)
    finally:
        if not keep:
            run(KPROV, "lab", "down", "--name", LAB)


@pytest.fixture(scope="session")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """`kprov plan` and `kprov up` on the bare hosts."""
    from kprov.lab.kubectl import ensure_kubectl

    report = tmp_path_factory.mktemp("up") / "report.json"
    planned = json.loads(lab.kprov("plan", "-i", lab.inventory, "-o", "json", timeout=300).stdout)
    first = lab.kprov("up", "-i", lab.inventory, "--report", report, timeout=1200)
    made = json.loads(report.read_text())
    return Cluster(lab, ensure_kubectl(), first, planned["changes"], made["changes"])


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, removed at its end."""
    name = (
        "t-" + request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:50].strip("-").lower()
    )
    cluster.kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--timeout=90s", timeout=120)


@contextlib.contextmanager
def changed_copy(directory: Path, target: Path) -> Iterator[Path]:
    """A copy of an inventory for a test to spoil; without artifacts."""
    shutil.copytree(directory, target, ignore=shutil.ignore_patterns("artifacts"))
    yield target
