"""Which result a problem becomes."""

from __future__ import annotations

import pytest

from kprov.errors import InputError
from kprov.preflight.check_table import BY_NAME, CHECKS, check_names
from kprov.preflight.evaluation import evaluate
from kprov.preflight.fleet import Fleet
from tests.unit.preflight.builders import make_host

FULL = {"space": {"/opt/kprov": {"mount": "/opt", "device": "2", "free_mb": 3}}}


def statuses(
    fleet: Fleet, *, ignored: tuple[str, ...] = (), hosts: tuple[str, ...] | None = None
) -> dict[tuple[str, str], str]:
    return {(one.host, one.check): one.status for one in evaluate(fleet, ignored, hosts)}


def test_a_good_host_passes_every_check_and_probes_that_did_not_run_are_skipped() -> None:
    found = statuses(Fleet((make_host(),)))
    assert len(found) == len(CHECKS)
    assert {name for (_, name), status in found.items() if status == "skipped"} == {
        check.name for check in CHECKS if check.probes
    }
    assert set(found.values()) == {"ok", "skipped"}
    assert set(statuses(Fleet((make_host(probes={}),))).values()) == {"ok"}


def test_a_problem_has_the_severity_and_the_hint_of_its_check() -> None:
    (result,) = [one for one in evaluate(Fleet((make_host(facts=FULL),))) if one.status == "error"]
    assert (result.host, result.check, result.ok) == ("node1", "disk-space", False)
    assert result.hint == BY_NAME["disk-space"].hint


def test_an_error_is_a_warning_on_a_host_that_runs_the_cluster_unless_it_stops_components() -> None:
    listener = {
        "protocol": "tcp",
        "address": "0.0.0.0",
        "port": 2380,
        "pid": 7,
        "process": "nc",
        "unit": "nc.service",
    }
    host = make_host(installed=True, facts={**FULL, "listeners": [listener]})
    found = statuses(Fleet((host,)))
    assert found["node1", "disk-space"] == "warning"
    assert found["node1", "ports"] == "error"


def test_a_check_can_be_ignored_and_hosts_chosen() -> None:
    fleet = Fleet((make_host(1, facts=FULL), make_host(2, facts=FULL)))
    assert ("node1", "disk-space") not in statuses(fleet, ignored=("disk-space",))
    assert {host for host, _ in statuses(fleet, hosts=("node2",))} == {"node2"}


def test_an_unreachable_host_is_one_error_and_the_others_are_checked() -> None:
    found = statuses(Fleet((make_host(),), {"node2": "connection refused"}))
    assert found["node2", "reachable"] == "error"
    assert found["node1", "os"] == "ok"


def test_an_unknown_name_is_refused_with_the_close_one() -> None:
    assert check_names(["dns", "mtu"], field="--ignore") == {"dns", "mtu"}
    with pytest.raises(
        InputError, match=r"--ignore: no check is called 'disk-spce'; did you mean 'disk-space'\?"
    ):
        check_names(["disk-spce"], field="--ignore")
    with pytest.raises(InputError, match=r"group_vars/all.yml: preflight_ignore: .*--list"):
        check_names(["everything"], file="group_vars/all.yml", field="preflight_ignore")


def test_names_are_unique_and_every_check_has_a_hint() -> None:
    assert len(BY_NAME) == len(CHECKS)
    assert all(check.hint and check.summary for check in CHECKS)
