"""haproxy's configuration for one control plane host and for several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.playbook.conftest import Bench

ROOT = Path(__file__).resolve().parents[3]
ROLES = ROOT / "roles"


def render(folder: Path, control_plane: list[str], **variables: Any) -> dict[str, list[str]]:
    """The configuration's sections and their lines, without comments."""
    bench = Bench(folder)
    hosts = yaml.safe_load((folder / "hosts.yml").read_text())
    hosts["all"]["hosts"] = {name: {"ip": f"10.0.0.{n}"} for n, name in enumerate(control_plane, 1)}
    hosts["all"]["children"] = {"kube_control_plane": {"hosts": dict.fromkeys(control_plane)}}
    hosts["all"]["vars"] |= variables
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    task = {
        "run_once": True,
        "template": {"src": str(ROOT / "templates/haproxy.cfg.j2"), "dest": str(folder / "haproxy.cfg")},
    }
    defaults: dict[str, Any] = {}
    for role in ("kprov_defaults", "haproxy"):
        defaults |= yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    wanted = {name: value for name, value in defaults.items() if name not in variables}
    play = {"hosts": "all", "gather_facts": False, "vars": wanted, "tasks": [task]}
    run = bench.play(yaml.safe_dump([play]))
    assert not run.errors
    found: dict[str, list[str]] = {}
    for line in (folder / "haproxy.cfg").read_text().splitlines():
        text = line.strip()
        if text and not line.startswith((" ", "#")):
            found[section := text] = []
        elif text and not text.startswith("#"):
            found[section].append(text)
    return found


def test_a_single_server_is_never_marked_down(tmp_path: Path) -> None:
    found = render(tmp_path, ["a"])
    servers = [line for line in found["backend kube-apiservers"] if line.startswith("server ")]
    assert servers == ["server a 10.0.0.1:6443"]
    assert not any("check" in line for line in found["backend kube-apiservers"])
    assert "timeout connect 5s" in found["defaults"]


def test_of_several_servers_each_is_checked_and_is_a_last_resort_too(tmp_path: Path) -> None:
    found = render(tmp_path, ["a", "b", "c"])
    backend = found["backend kube-apiservers"]
    checked = [line.split()[1] for line in backend if " check " in line]
    unchecked = [line.split()[1] for line in backend if line.endswith(" backup")]
    assert checked == ["a", "b", "c"]
    assert unchecked == ["a-unchecked", "b-unchecked", "c-unchecked"]
    assert "option allbackups" in backend
    assert "timeout connect 750ms" in found["defaults"]
    # It would end the sessions of the last server, too.
    assert not any("shutdown-sessions" in line for line in backend)


@pytest.mark.parametrize(
    ("name", "value", "section", "words"),
    [
        ("haproxy_connect_timeout", "2s", "defaults", "timeout connect 2s"),
        ("haproxy_session_timeout", "1h", "defaults", "timeout client 1h"),
        ("haproxy_session_timeout", "1h", "defaults", "timeout server 1h"),
        ("haproxy_check_interval", "7s", "backend kube-apiservers", " inter 7s "),
        ("haproxy_check_fast_interval", "1s", "backend kube-apiservers", " fastinter 1s "),
        ("haproxy_check_down_interval", "9s", "backend kube-apiservers", " downinter 9s "),
        ("haproxy_check_fall", 5, "backend kube-apiservers", " fall 5 "),
        ("haproxy_check_rise", 2, "backend kube-apiservers", " rise 2 "),
        ("haproxy_dead_host_timeout", "4s", "backend kube-apiservers", "tcp-ut 4s"),
    ],
)
def test_times_and_counts_are_variables(
    tmp_path: Path, name: str, value: Any, section: str, words: str
) -> None:
    found = render(tmp_path, ["a", "b", "c"], **{name: value})
    assert any(words in line for line in found[section])
