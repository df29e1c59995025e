"""Values that a role would only fail on when it is on the hosts are refused in the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.errors import InputError
from kprov.inventory.cluster.validation import validate
from kprov.inventory.cluster.variable_usage import find_project_usage
from kprov.inventory.sources.load import load_inventory

DATA = Path(__file__).parents[1] / "data"
ROOT = Path(__file__).parents[4]


def problem_of(folder: Path, name: str, value: Any) -> str:
    """The error for an inventory with this variable; "" for none."""
    (folder / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").write_text(yaml.safe_dump({name: value}))
    try:
        validate(load_inventory(folder))
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("haproxy_check_interval", "3 s", "must be a time above 0, such as 750ms or 3s, not '3 s'"),
        ("haproxy_check_interval", "0s", "must be a time above 0"),
        ("haproxy_connect_timeout", "fast", "must be a time above 0"),
        ("haproxy_dead_host_timeout", -1, "must be a time above 0"),
        ("haproxy_check_fall", 0, "must be 1 or more, not 0"),
        ("kube_component_start_timeout", "5", "must be a time above 0 with its unit"),
        ("kube_component_start_timeout", 300, "must be a time above 0 with its unit"),
        ("etcd_command_timeout", "0s", "must be a time above 0 with its unit"),
        ("kubectl_request_timeout", "1 m", "must be a time above 0 with its unit"),
        ("etcd_health_retries", 0, "must be 1 or more, not 0"),
        ("keepalived_advert_int", 0, "must be 0.01 or more"),
    ],
)
def test_a_value_that_is_wrong_is_refused(tmp_path: Path, name: str, value: Any, words: str) -> None:
    said = problem_of(tmp_path, name, value)
    assert "group_vars/all.yml:1" in said
    assert name in said
    assert words in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("haproxy_check_interval", "2500ms"),
        ("haproxy_session_timeout", 7200000),
        ("haproxy_check_fall", 5),
        ("kube_component_start_timeout", "10m"),
        ("kube_component_watchdog", "1m30s"),
        ("etcd_dial_timeout", "500ms"),
        ("keepalived_advert_int", 1),
    ],
)
def test_a_value_that_is_right_is_taken(tmp_path: Path, name: str, value: Any) -> None:
    assert problem_of(tmp_path, name, value) == ""


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ("kata", "item 1 must be a mapping with name and type"),
        ({"name": "kata"}, "item 1: type is missing"),
        ({"type": "io.containerd.kata.v2"}, "item 1: name is missing"),
        ({"name": "Kata 2", "type": "t"}, "item 1: name must consist of lower-case letters"),
        ({"name": "runc", "type": "t"}, "item 1: runc is containerd's default runtime"),
        ({"name": "kata", "type": "t", "option": {}}, "item 1: there is no field option"),
        ({"name": "kata", "type": 'a"b'}, "item 1: type must be a text without quotes"),
        ({"name": "kata", "type": "t", "options": {"a b": 1}}, "item 1: options.a b: "),
        ({"name": "kata", "type": "t", "options": {"a": []}}, "item 1: options.a: "),
    ],
)
def test_a_runtime_that_containerd_would_not_take_is_refused(
    tmp_path: Path, runtime: Any, words: str
) -> None:
    said = problem_of(tmp_path, "containerd_additional_runtimes", [runtime])
    assert "group_vars/all.yml:1" in said
    assert "containerd_additional_runtimes" in said
    assert words in said
    assert "not [" not in said


def test_two_runtimes_of_one_name_are_refused(tmp_path: Path) -> None:
    runtime = {"name": "kata", "type": "io.containerd.kata.v2"}
    assert "item 2: kata is item 1 already" in problem_of(
        tmp_path, "containerd_additional_runtimes", [runtime, runtime]
    )


def test_runtimes_in_kubesprays_form_are_taken(tmp_path: Path) -> None:
    runtime = {
        "name": "kata-qemu",
        "type": "io.containerd.kata-qemu.v2",
        "engine": "",
        "root": "",
        "base_runtime_spec": "spec.json",
        "options": {"ConfigPath": "/opt/kata/c.toml", "systemdCgroup": "true"},
    }
    assert problem_of(tmp_path, "containerd_additional_runtimes", [runtime]) == ""


def test_the_values_for_slow_machines_are_valid_and_roles_use_each_of_them(tmp_path: Path) -> None:
    values = yaml.safe_load((ROOT / "vagrant/slow.yml").read_text())
    assert {name for name in values if name not in find_project_usage(ROOT)} == {"ansible_timeout"}
    (tmp_path / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(yaml.safe_dump(values))
    validate(load_inventory(tmp_path))
