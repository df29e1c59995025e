"""Hosts keep their bundle during a run of some roles, and a bundle that a rollback chose."""

from __future__ import annotations

from pathlib import Path

from kprov.operations.bundle_pins import keep_bundles, pin_bundles
from kprov.operations.cluster import Cluster, open_cluster
from kprov.playbook.results.run_result import SilentCallbacks

INVENTORY = """
all:
  vars: {{ansible_connection: local, ansible_become: false, bundle_root: {folder}/opt}}
  children:
    kube_control_plane: {{hosts: {{a: {{ip: 192.0.2.1}}}}}}
    etcd: {{hosts: {{a: }}}}
    kube_node: {{hosts: {{a: , b: {{ip: 192.0.2.2, bundle_root: {folder}/none}}}}}}
"""


class Warnings(SilentCallbacks):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warning(self, message: str) -> None:
        self.texts.append(message)


def write_inventory(folder: Path) -> Path:
    bundle = folder / "opt/bundles/0ld"
    bundle.mkdir(parents=True)
    (bundle / ".complete").write_text("0ld\n")
    (folder / "opt/current").symlink_to("bundles/0ld")
    inventory = folder / "hosts.yml"
    inventory.write_text(INVENTORY.format(folder=folder))
    return inventory


def read_settings(cluster: Cluster, host: str) -> tuple[object, object]:
    scope = cluster.engine.host_variables(host)
    return scope.get("kube_bundle_digest"), scope.get("kube_bundle_pinned")


def test_hosts_keep_the_bundle_in_use_during_the_block(tmp_path: Path) -> None:
    with open_cluster(write_inventory(tmp_path)) as cluster:
        cluster.engine.inventory.hosts["a"].variables["kube_bundle_digest"] = "new"
        cluster.engine.variables.clear_inventory_cache()
        assert read_settings(cluster, "a") == ("new", None)
        with keep_bundles(cluster, ["a", "b"]):
            assert read_settings(cluster, "a") == ("0ld", True)
            assert read_settings(cluster, "b") == (None, None)
        assert read_settings(cluster, "a") == ("new", None)


def test_a_bundle_that_a_rollback_chose_stays_pinned_after_the_block(tmp_path: Path) -> None:
    callbacks = Warnings()
    with open_cluster(write_inventory(tmp_path), callbacks=callbacks) as cluster:
        cluster.engine.inventory.hosts["a"].variables["kube_bundle_digest"] = "new"
        pin_bundles(cluster, {"a": "0ld"})
        with keep_bundles(cluster, ["a"]):
            assert read_settings(cluster, "a") == ("0ld", True)
        assert read_settings(cluster, "a") == ("0ld", True)
    (text,) = callbacks.texts
    assert text.startswith("a: a rollback chose bundle 0ld")


def test_no_warning_if_the_rollback_chose_the_bundle_of_this_kprov(tmp_path: Path) -> None:
    callbacks = Warnings()
    with open_cluster(write_inventory(tmp_path), callbacks=callbacks) as cluster:
        cluster.engine.inventory.hosts["a"].variables["kube_bundle_digest"] = "0ld"
        pin_bundles(cluster, {"a": "0ld"})
    assert callbacks.texts == []
