"""The JSON report of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.cli.output import report
from kprov.errors import InputError
from kprov.inventory import secrets
from kprov.playbook.results.run_result import HostStats, RunResult


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    secrets.register('pass"word')
    yield
    secrets.forget()


def test_every_task_has_its_hosts_and_items_and_no_secret(tmp_path: Path) -> None:
    recorder = report.Recorder()
    recorder.run_started(["site.yml"])
    recorder.play_started("Web", ["a", "b"])
    items = {"changed": True, "results": [{"item": "x", "changed": True, "msg": 'is pass"word'}]}
    recorder.host_done("a", "Copy", "changed", items, 0.5, "site.yml:3")
    recorder.host_done("a", "Next", "ok", {}, 0.1, "site.yml:5")
    recorder.host_done("b", "Copy", "ok", {"changed": False}, 0.25, "site.yml:3")
    path = tmp_path / "report.json"
    report.write_report(path, recorder, RunResult(hosts={"a": HostStats(ok=1)}), check=True)
    said = json.loads(path.read_text())
    assert (said["kprov_report"], said["check"], said["playbooks"]) == (1, True, ["site.yml"])
    assert [task["task"] for task in said["tasks"]] == ["Copy", "Next"]
    hosts = said["tasks"][0]["hosts"]
    assert hosts["a"]["items"] == [{"item": "x", "outcome": "changed", "changed": True, "msg": "is ********"}]
    assert hosts["b"] == {"outcome": "ok", "seconds": 0.25, "changed": False, "msg": ""}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_warnings_are_kept_in_their_order_without_secrets(tmp_path: Path) -> None:
    recorder = report.Recorder()
    recorder.warning("a: its clock is 1 hour behind this machine's")
    recorder.warning('b: pass"word is no way in')
    path = tmp_path / "report.json"
    report.write_report(path, recorder, RunResult())
    assert json.loads(path.read_text())["warnings"] == [
        "a: its clock is 1 hour behind this machine's",
        "b: ******** is no way in",
    ]


def test_a_report_that_cannot_be_written_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--report"):
        report.write_report(tmp_path / "none" / "report.json", report.Recorder(), RunResult())
