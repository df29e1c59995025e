"""What a cluster looked like in the moment a test failed on it: a failure in CI cannot be looked at later."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.conftest import Cluster

_COLUMNS = (
    "custom-columns=NS:.metadata.namespace,KIND:.kind,NAME:.metadata.name,AT:.spec.nodeName,PHASE:.status.phase,"
    "MADE:.metadata.creationTimestamp,ENDING:.metadata.deletionTimestamp,GRACE:.metadata.deletionGracePeriodSeconds,"
    "OWNERS:.metadata.ownerReferences[*].name,FINALIZERS:.metadata.finalizers"
)
_UNITS = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver", "etcd")
_LINES = 12


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add a picture of the cluster to the report of a failed test that had one."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.when == "call" and report.failed and cluster is not None:
        report.sections.append(("the cluster, afterwards", "\n".join(_looks(cluster))))
    return report


def _looks(cluster: Cluster) -> Iterator[str]:
    for arguments in (
        ("get", "pods,replicasets,deployments", "-A", "-o", _COLUMNS),
        ("get", "nodes,leases", "-A"),
        ("get", "events", "-A", "--sort-by=.lastTimestamp"),
    ):
        with contextlib.suppress(subprocess.SubprocessError, pytest.fail.Exception):
            said = cluster.kubectl_run(*arguments, check=False, timeout=20)
            yield f"# kubectl {' '.join(arguments[:3])}"
            yield "\n".join((said.stdout + said.stderr).splitlines()[-40:])
    for host in cluster.lab.hosts:
        for unit in _UNITS:
            with contextlib.suppress(subprocess.SubprocessError, pytest.fail.Exception):
                look = f"journalctl -q -o short-precise --no-hostname -u {unit} -n {_LINES}"
                yield f"# {host} {unit}"
                yield cluster.lab.ssh(host, look, check=False, timeout=20)
