"""A plan counts what will change: not what its earlier changes do already, and not what only reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kprov.content.locations import PLAYBOOKS, ROLES
from kprov.playbook.model.plays import Play, Task
from kprov.playbook.results.changes import Change, Result, find_changes
from kprov.playbook.results.foresight import correct_result

PACKAGES = Change("h", "packages : Install", "p:1", "package", "haproxy, etcd-server", "present")
RESTART = Change("h", "containerd : Restart", "p:2", "service", "containerd", "started")
UNIT = Change("h", "kubelet : Unit", "p:3", "file", "/etc/systemd/system/kubelet.service")


def task(module: str, **keywords: object) -> Task:
    return Task(dict(keywords), Play({}), None, "f", 1, "t", module, {})


def counts(module: str, result: Result, *planned: Change, **keywords: object) -> bool:
    of = task(module, **keywords)
    corrected = correct_result(of, planned, {"changed": True, **result})
    return bool(find_changes(of, "t", "h", corrected, hidden=False))


@pytest.mark.parametrize(
    ("names", "is_counted"),
    [("haproxy", False), (["etcd-server", "haproxy"], False), (["haproxy", "runc"], True), (None, True)],
)
def test_packages_that_an_earlier_task_installs_are_not_counted_again(
    names: object, is_counted: bool
) -> None:
    assert counts("apt", {"_about": {"name": names}}, PACKAGES) is is_counted


def test_packages_that_are_removed_are_counted() -> None:
    assert counts("apt", {"_about": {"name": "haproxy", "state": "absent"}}, PACKAGES)


def test_the_start_of_a_service_that_a_package_enables_is_counted_once() -> None:
    missing = {"unforeseen": "Could not find the requested service"}
    about = {"name": "containerd", "state": "started", "enabled": True}
    assert counts("systemd_service", {"_about": about, **missing}, PACKAGES)
    assert not counts("systemd_service", {"_about": about, **missing}, PACKAGES, RESTART)


@pytest.mark.parametrize(("unit", "file"), [("kubelet", "kubelet.service"), ("x.timer", "x.timer")])
def test_the_first_start_of_an_own_unit_also_enables_it(unit: str, file: str) -> None:
    about = {"name": unit, "state": "started", "enabled": True}
    planned = [replace(UNIT, what=f"/etc/systemd/system/{file}"), replace(RESTART, what=unit)]
    assert counts("systemd_service", {"_about": about, "unforeseen": "not found"}, *planned)


def test_a_command_that_only_reads_is_no_change_though_its_program_is_not_there_yet() -> None:
    result = {"unforeseen": "No such file or directory: '/usr/bin/kubectl'"}
    assert not counts("command", result, PACKAGES, changed_when=False)
    assert counts("command", result, PACKAGES, changed_when=True)


def test_a_restart_of_a_service_that_is_not_there_yet_is_its_start() -> None:
    result = {"changed": True, "_about": {"name": "kubelet", "state": "restarted"}}
    (change,) = find_changes(task("systemd_service"), "t", "h", result, hidden=False)
    assert change.action == "restarted"
    (change,) = find_changes(task("systemd_service"), "t", "h", {**result, "unforeseen": "x"}, hidden=False)
    assert change.action == "started"


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (ROLES / "kube_apiserver/tasks/certificates.yml", "/etc/kubernetes/pki/sa.key"),
        (PLAYBOOKS / "own.yml", "/etc/kubernetes/pki/sa.key"),
        (Path("/home/user/roles/x/tasks/main.yml"), "hidden by no_log"),
    ],
)
def test_the_path_of_a_hidden_file_is_shown_if_the_task_is_kprovs_own(file: Path, what: str) -> None:
    of = replace(task("copy"), file=str(file))
    result = {"changed": True, "dest": "/etc/kubernetes/pki/sa.key", "diff": [{"after": "secret"}]}
    (change,) = find_changes(of, "t", "h", result, hidden=True)
    assert (change.kind, change.what, change.diff, change.hidden) == ("file", what, [], True)
