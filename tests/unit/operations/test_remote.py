"""Commands on hosts, and what is said of those that fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.operations.cluster import Cluster, open_cluster
from kprov.operations.remote import CommandError, run_command

INVENTORY = f"""
all:
  vars: {{ansible_connection: local, ansible_become: false, ansible_python_interpreter: {sys.executable}}}
  hosts: {{node1: {{ip: 192.0.2.1}}}}
  children:
    kube_control_plane: {{hosts: {{node1: }}}}
    etcd: {{hosts: {{node1: }}}}
    kube_node: {{hosts: {{node1: }}}}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose only host is this machine."""
    path = tmp_path / "hosts.yml"
    path.write_text(INVENTORY)
    with open_cluster(path) as opened:
        yield opened


def test_the_output_is_that_of_the_command(cluster: Cluster) -> None:
    assert run_command(cluster, "node1", "echo $((1 + 1))") == "2"


def test_a_failure_has_the_end_of_the_commands_errors(cluster: Cluster) -> None:
    with pytest.raises(CommandError) as caught:
        run_command(cluster, "node1", "sh -c 'echo no disk >&2; exit 3'")
    assert str(caught.value) == "node1: `sh` failed with exit code 3: no disk"


def test_a_program_that_is_not_there_is_named(cluster: Cluster) -> None:
    """As etcdctl on a host that was reset: the shell's words would say nothing of the host."""
    with pytest.raises(CommandError) as caught:
        run_command(cluster, "node1", "ETCDCTL_API=3 no-such-etcdctl member list")
    assert str(caught.value) == "node1: no-such-etcdctl is not installed"
