"""Every role of the project: playbooks/cluster.yml and playbooks/reset.yml on twin clusters of one host each."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import yaml

from kprov.bundle.build import build_bundle
from kprov.operations.cluster import open_cluster
from kprov.operations.preparation import make_pki_request
from kprov.operations.unreachable_hosts import connect_hosts
from kprov.pki.ensure import ensure_pki
from tests.parity.corpus import Case
from tests.parity.twins import ROOT, Twin

_PLAYBOOKS = ROOT / "playbooks"
_BINDINGS = ("python3-apt", "python-apt-common", "lsb-release", "iso-codes", "distro-info-data")


def _case(name: str, runs: tuple[str, ...]) -> Case:
    return Case(
        name=f"{name}_roles",
        playbook=str(_PLAYBOOKS / f"{name}.yml"),
        options=(),
        runs=runs,
        inventory="cluster",
        per_host=False,
        refused=False,
    )


#: In this order, on the same pair.
CASES = (_case("cluster", ("first", "again")), _case("reset", ("first",)))


def prepare(pair: tuple[Twin, Twin]) -> None:
    """What `kprov up` makes before it plays: certificates (of both twins' addresses: only the API's differs in their files), bundle."""
    folders = [twin.folder / "corpus" / "inventories" / "cluster" for twin in pair]
    with open_cluster(folders[0]) as cluster:
        facts = connect_hosts(cluster, ["one"])["one"]
        request = make_pki_request(cluster)
        addresses = tuple(twin.host.address for twin in pair)
        hosts = tuple(dataclasses.replace(host, addresses=addresses) for host in request.hosts)
        vips = tuple(twin.host.vip for twin in pair)
        ensure_pki(dataclasses.replace(request, hosts=hosts, extra_sans=vips))
        artifacts = cluster.artifacts
    python = ".".join(str(facts["ansible_python_version"]).split(".")[:2])
    bundle = build_bundle(python=python, arch=str(facts["ansible_architecture"]))
    shutil.copytree(artifacts, folders[1] / "artifacts", symlinks=True)
    admin = folders[1] / "artifacts" / "admin.conf"
    admin.write_text(admin.read_text().replace(vips[0], vips[1]))
    for folder in folders:
        _write(folder, bundle.path, bundle.digest)


def tidy(pair: tuple[Twin, Twin]) -> None:
    """Remove what Ansible's apt needs and installs, for the playbooks to come."""
    for twin in pair:
        command = f"DEBIAN_FRONTEND=noninteractive dpkg --purge {' '.join(_BINDINGS)} >/dev/null 2>&1 || true"
        subprocess.run(twin.host.ssh(command), check=True)
        twin.last_state = None


def _write(inventory: Path, archive: Path, digest: str) -> None:
    variables = {"kube_bundle_archive": str(archive), "kube_bundle_digest": digest}
    (inventory / "group_vars" / "all" / "bundle.yml").write_text(yaml.safe_dump(variables))
