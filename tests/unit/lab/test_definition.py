"""Names and addresses of a lab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.errors import InputError
from kprov.lab import definition, inventory_file, network, state
from kprov.lab.definition import Lab, bridge, nft_table, veth_prefix

ROOT = Path(__file__).resolve().parents[3]


def test_the_default_lab_has_the_documented_names_and_addresses() -> None:
    lab = Lab()
    assert [(host.name, host.address) for host in lab.hosts] == [
        ("node1", "10.70.0.11"), ("node2", "10.70.0.12"), ("node3", "10.70.0.13"),
    ]  # fmt: skip
    assert (lab.gateway, lab.vip, bridge(lab.name)) == ("10.70.0.1", "10.70.0.100", "kprov-default")


def test_ten_hosts_fit() -> None:
    assert Lab(host_count=10).hosts[-1].address == "10.70.0.20"


@pytest.mark.parametrize("name", ["a", "default", "a-name-of-thirty-characters-ok"])
def test_the_kernel_takes_every_interface_name(name: str) -> None:
    lab = Lab(name, "10.9.0.0/16", 250)
    assert len(bridge(name)) <= 15
    assert all(len(host.veth) <= 15 for host in lab.hosts)


def test_labs_whose_names_begin_alike_share_no_names() -> None:
    short, long = Lab("a"), Lab("a-b")
    assert bridge("a") != bridge("a-b")
    assert veth_prefix("a") != veth_prefix("a-b")
    assert nft_table("a") != nft_table("a-b")
    assert not long.hosts[0].machine.startswith(f"kprov.{short.name}.")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("Lab",), "lab name"),
        (("a.b",), "lab name"),
        (("a", "10.0.0.1/24"), "subnet"),
        (("a", "10.0.0.0/28", 9), "hosts"),
        (("a", "10.0.0.0/24", 3, ("bullseye",)), "release"),
        (("a", "10.0.0.0/24", 1, ("trixie", "bookworm")), "release"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments: tuple[Any, ...], field: str) -> None:
    with pytest.raises(InputError) as refused:
        Lab(*arguments)
    assert refused.value.field == field


def test_the_hosts_have_the_releases_in_turn() -> None:
    mixed = Lab("a", "10.0.0.0/24", 3, ("trixie", "bookworm"))
    assert [host.release for host in mixed.hosts] == ["trixie", "bookworm", "trixie"]
    assert {host.release for host in Lab(host_count=4).hosts} == {"trixie"}
    assert "--release trixie,bookworm" in inventory_file.render_inventory(mixed)


def test_an_inventory_that_a_person_changed_is_kept(tmp_path: Path) -> None:
    small, large = Lab("a", "10.9.0.0/24", 1), Lab("a", "10.9.0.0/24", 3)
    inventory_file.check_inventory(tmp_path, large)
    inventory_file.write_inventory(small, tmp_path)
    inventory_file.check_inventory(tmp_path, large, small)
    file = tmp_path / "hosts.yml"
    changed = file.read_text() + "# mine\n"
    file.write_text(changed)
    with pytest.raises(InputError, match=r"hosts\.yml: --inventory: exists, and is not as"):
        inventory_file.check_inventory(tmp_path, large, small)
    assert file.read_text() == changed


def test_a_record_keeps_the_releases_and_reads_those_of_earlier_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(definition, "STATE", tmp_path)
    monkeypatch.setattr(state, "STATE", tmp_path)
    lab = Lab("a", "10.0.0.0/24", 2, ("bookworm", "trixie"))
    record = state.Record(lab, {"bookworm": Path("/b"), "trixie": Path("/t")})
    lab.folder.mkdir()
    state.save_record(record)
    assert state.load_record("a") == record
    file = tmp_path / "a/lab.json"
    old = {"name": "a", "subnet": "10.0.0.0/24", "hosts": 2, "image": "/t"}
    file.write_text(json.dumps(old))
    assert state.load_record("a") == state.Record(Lab("a", "10.0.0.0/24", 2), {"trixie": Path("/t")})


def test_the_committed_inventory_is_that_of_the_default_lab() -> None:
    assert (ROOT / "inventories/lab/hosts.yml").read_text() == inventory_file.render_inventory(Lab())


@pytest.mark.parametrize(("count", "control_plane"), [(1, 1), (2, 1), (3, 3), (10, 3)])
def test_the_number_of_etcd_hosts_is_odd(count: int, control_plane: int) -> None:
    document = yaml.safe_load(inventory_file.render_inventory(Lab(host_count=count)))
    groups = document["all"]["children"]
    assert len(groups["etcd"]["hosts"]) == len(groups["kube_control_plane"]["hosts"]) == control_plane
    assert len(groups["kube_node"]["hosts"]) == count


def test_hosts_leave_the_lab_behind_the_machines_address() -> None:
    rules = network.render_rules(Lab("a", "10.9.0.0/24", 1))
    assert 'ip saddr 10.9.0.0/24 ip daddr != 10.9.0.0/24 oifname != "kprov-a" masquerade' in rules
    table = nft_table("a")
    assert rules.startswith(f"table ip {table}\ndelete table ip {table}\ntable ip {table} {{\n")


def test_hosts_of_an_isolated_lab_reach_neither_the_machine_nor_what_is_behind_it() -> None:
    rules = network.render_rules(Lab("a", "10.9.0.0/24", 1, isolated=True))
    assert "masquerade" not in rules
    assert 'iifname "kprov-a" oifname != "kprov-a" reject' in rules
    assert 'iifname "kprov-a" ct state new reject' in rules


def test_the_inventory_says_how_an_isolated_lab_is_made() -> None:
    text = inventory_file.render_inventory(Lab("a", "10.9.0.0/24", 1, isolated=True))
    assert text.startswith(
        "# The hosts of `kprov lab up --name a --subnet 10.9.0.0/24 --hosts 1 --isolated`."
    )
