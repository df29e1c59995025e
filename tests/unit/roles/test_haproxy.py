"""haproxy's configuration for one control plane host and for several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.rendering import render_template


def render(folder: Path, control_plane: list[str], **variables: Any) -> dict[str, list[str]]:
    """The configuration's sections and their lines, without comments."""
    text = render_template(folder, "haproxy", "haproxy.cfg.j2", control_plane, variables)
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
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
