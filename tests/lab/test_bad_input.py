"""Bad input: exit code 2, one clear message naming the file and field or the host, and nothing touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.conftest import HOSTS, LAB, NODE1, Lab

Spoil = Callable[[dict[str, Any]], None]


def hosts_of(inventory: dict[str, Any], group: str) -> dict[str, Any]:
    found: dict[str, Any] = inventory["all"]["children"][group]["hosts"]
    return found


def spoiled(lab: Lab, target: Path, spoil: Spoil) -> Path:
    shutil.copytree(lab.inventory, target, ignore=shutil.ignore_patterns("artifacts"))
    path = target / "hosts.yml"
    document = yaml.safe_load(path.read_text())
    spoil(document)
    path.write_text(yaml.safe_dump(document))
    return target


def unknown_group(inventory: dict[str, Any]) -> None:
    inventory["all"]["children"]["kube_controlplane"] = inventory["all"]["children"].pop("kube_control_plane")


def duplicate_address(inventory: dict[str, Any]) -> None:
    inventory["all"]["hosts"]["node2"]["ansible_host"] = inventory["all"]["hosts"]["node1"]["ansible_host"]


def even_etcd(inventory: dict[str, Any]) -> None:
    del hosts_of(inventory, "etcd")["node3"]


def wrong_type(inventory: dict[str, Any]) -> None:
    inventory["all"].setdefault("vars", {})["kube_network_node_prefix"] = "many"


def overlapping(inventory: dict[str, Any]) -> None:
    inventory["all"].setdefault("vars", {}).update(
        kube_pods_subnet="10.233.0.0/16", kube_service_addresses="10.233.0.0/18"
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unknown_group, ["kube_controlplane", "kube_control_plane", "hosts.yml"]),
        (duplicate_address, [NODE1, "node1", "node2"]),
        (even_etcd, ["etcd", "odd"]),
        (wrong_type, ["kube_network_node_prefix", "many"]),
        (overlapping, ["kube_pods_subnet", "kube_service_addresses", "overlap"]),
    ],
)
def test_a_wrong_inventory_is_refused_before_any_host_is_touched(
    lab: Lab, tmp_path: Path, spoil: Spoil, words: list[str]
) -> None:
    before = touched(lab)
    done = lab.kprov("up", "-i", spoiled(lab, tmp_path / "i", spoil), check=False)
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert touched(lab) == before


def test_an_unreachable_host_is_named(lab: Lab, tmp_path: Path) -> None:
    def nobody_there(inventory: dict[str, Any]) -> None:
        inventory["all"]["hosts"]["node2"]["ansible_host"] = lab.numbered(250)

    refuse(lab, spoiled(lab, tmp_path / "i", nobody_there), ["node2", lab.numbered(250)], code=4)


def test_a_refused_key_is_named(lab: Lab, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = tmp_path / "other"
    key.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    key.chmod(0o600)

    def other_key(inventory: dict[str, Any]) -> None:
        inventory["all"]["hosts"]["node3"]["ansible_ssh_private_key_file"] = str(key)

    refuse(lab, spoiled(lab, tmp_path / "i", other_key), ["node3", "key"])


def test_a_changed_host_key_is_refused_with_both_fingerprints(lab: Lab, tmp_path: Path) -> None:
    known = Path(f"/var/lib/kprov/lab/{LAB}/known_hosts")
    lines = known.read_text().splitlines()
    other = tmp_path / "known_hosts"
    # node1's address with node2's key.
    first, second = lab.address("node1"), lab.address("node2")
    key_of_second = next(line for line in lines if second in line.split()[0].split(",")).split(" ", 1)[1]
    others = [line for line in lines if first not in line.split()[0].split(",")]
    other.write_text("\n".join([f"{first} {key_of_second}", *others]) + "\n")

    def other_known_hosts(inventory: dict[str, Any]) -> None:
        inventory["all"]["hosts"]["node1"]["ansible_ssh_common_args"] = f"-o UserKnownHostsFile={other}"

    said = refuse(lab, spoiled(lab, tmp_path / "i", other_known_hosts), ["node1", "host key", str(other)])
    assert said.count("SHA256:") == 2


def test_a_host_without_python_is_named(lab: Lab) -> None:
    lab.ssh("node1", "mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        refuse(lab, lab.inventory, ["node1", "Python"])
    finally:
        lab.ssh("node1", "mv /usr/bin/python3.away /usr/bin/python3")


def test_an_unsupported_distribution_is_named(lab: Lab) -> None:
    lab.ssh(
        "node2",
        "cp -P /etc/os-release /etc/os-release.away && rm /etc/os-release && printf 'ID=slackware\\nNAME=Slackware\\nVERSION_ID=15\\n' > /etc/os-release",
    )
    try:
        refuse(lab, lab.inventory, ["node2", "Slackware"])
    finally:
        lab.ssh("node2", "rm /etc/os-release && mv /etc/os-release.away /etc/os-release")


def test_a_user_without_sudo_is_named(lab: Lab, tmp_path: Path) -> None:
    key = Path(f"/var/lib/kprov/lab/{LAB}/id_ed25519.pub").read_text().strip()
    lab.ssh(
        "node3",
        f"useradd -m plain && mkdir -p /home/plain/.ssh && echo '{key}' > /home/plain/.ssh/authorized_keys && chown -R plain /home/plain/.ssh && chmod -R go= /home/plain/.ssh",
    )

    def as_plain(inventory: dict[str, Any]) -> None:
        inventory["all"]["hosts"]["node3"]["ansible_user"] = "plain"

    try:
        refuse(lab, spoiled(lab, tmp_path / "i", as_plain), ["node3", "sudo"])
    finally:
        lab.ssh("node3", "userdel -r plain 2>/dev/null; true")


def test_a_missing_variable_is_named_with_its_place(lab: Lab, tmp_path: Path) -> None:
    def no_address(inventory: dict[str, Any]) -> None:
        inventory["all"].setdefault("vars", {})["kube_vip_address"] = "{{ address_of_the_api }}"

    refuse(lab, spoiled(lab, tmp_path / "i", no_address), ["address_of_the_api", "kube_vip_address"])


def refuse(lab: Lab, inventory: Path, words: list[str], code: int = 2) -> str:
    before = touched(lab)
    done = lab.kprov("up", "-i", inventory, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert touched(lab) == before
    return done.stderr


def touched(lab: Lab) -> dict[str, str]:
    """What a run would change first: packages and configuration of every host."""
    look = "dpkg-query -W | sha256sum; find /etc -xdev -type f -newermt @0 -printf '%p %s\\n' | sort | sha256sum; ls /opt"
    return {host: lab.ssh(host, look) for host in HOSTS}
