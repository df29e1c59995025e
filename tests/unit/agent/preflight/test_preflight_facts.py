"""What the module preflight reads of the host, and how it answers."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kprov.agent.context import Context
from kprov.agent.main import run_module
from kprov.agent.preflight import network, software
from kprov.preflight import requests
from kprov.preflight.facts import HostFacts
from tests.unit.preflight.builders import ALL, make_host


def ask(wanted: requests.Requests) -> dict[str, object]:
    def fetch(*_: str) -> dict[str, str]:
        raise AssertionError

    context = Context(check=True, diff=False, environment={}, blobs={}, fetch=fetch)
    return run_module("preflight", {"requests": wanted}, context)


def test_every_request_for_facts_is_answered_and_fits_the_typed_views() -> None:
    host = make_host()
    answer = ask(requests.request_facts(ALL, host.variables, host.address))
    assert answer["errors"] == {}
    facts = HostFacts.model_validate(answer["answers"])
    assert facts.system.kernel == os.uname().release
    assert facts.system.cpus > 0
    assert facts.system.memory_mb > 0
    assert facts.system.cgroups.version in (1, 2)
    assert facts.identity.host_name == socket.gethostname()
    assert facts.space["/var/lib/etcd"].free_mb > 0
    assert "127.0.0.1" in [one.address for one in facts.network.addresses]


def test_a_request_that_fails_leaves_the_others_alone() -> None:
    answer = ask(
        {"space": {"paths": ["/"]}, "open": {"address": "not an address", "ports": [1]}, "no such": {}}
    )
    assert list(answer["answers"]) == ["space", "open"]  # type: ignore[call-overload]
    assert list(answer["errors"]) == ["no such"]  # type: ignore[call-overload]


def test_repositories_are_read_from_both_formats(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text(
        "deb [signed-by=/k arch=amd64] http://one.example.com/debian trixie main\n"
        "# deb http://off.example.com/debian trixie main\n"
        "deb-src http://source.example.com/debian trixie main\n"
        "deb file:/srv/mirror trixie main\n"
    )
    (parts / "b.list").write_text("deb https://two.example.com:8443/x ./\n")
    (parts / "c.sources").write_text(
        "Types: deb\nURIs: http://three.example.com/a\n http://four.example.com/b\nSuites: trixie\n\n"
        "Enabled: no\nURIs: http://five.example.com/a\n"
    )
    assert network._find_sites(str(tmp_path)) == {
        ("one.example.com", 80),
        ("two.example.com", 8443),
        ("three.example.com", 80),
        ("four.example.com", 80),
    }


def test_a_host_without_apt_has_no_repositories(tmp_path: Path) -> None:
    answer = network.try_repositories(str(tmp_path / "none"))
    assert (answer["apt"], answer["sites"]) == (False, {})


def test_resolv_conf_has_the_last_search_line(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# no\nnameserver 192.0.2.1\nsearch a b\nnameserver 192.0.2.2\ndomain c\noptions ndots:5\n"
    )
    assert network._read_resolv_conf(str(file)) == {
        "nameservers": ["192.0.2.1", "192.0.2.2"],
        "search": ["c"],
    }
    assert network._read_resolv_conf(str(tmp_path / "none")) == {"nameservers": [], "search": []}


def test_only_files_that_kprov_wrote_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_text("# Written by kprov; the next run overwrites changes.\n[Unit]\n")
    other.write_text("[Unit]\nDescription=etcd\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "member").touch()
    found = software.read_software(
        {"kubelet": str(mine), "etcd": str(other), "haproxy": str(tmp_path / "none")},
        [],
        [],
        [str(mine), str(tmp_path / "none")],
        str(tmp_path / "data"),
        str(other),
    )
    assert found["own"] == ["kubelet"]
    assert found["paths"] == [str(mine)]
    assert found["etcd_data"] == ["member"]
    assert found["authority"].startswith("[Unit]")


def test_every_template_of_a_component_has_the_mark_that_shows_it() -> None:
    templates = Path(__file__).parents[4] / "templates"
    names = ["haproxy.cfg.j2", "keepalived.conf.j2", "containerd-config.toml.j2"]
    names += [
        f"{name}.service.j2"
        for name in (
            "etcd",
            "kube-apiserver",
            "kubelet",
            "kube-proxy",
            "cluster-dns",
            "pod-network",
            "local-path-provisioner",
            "kube-scheduler",
            "kube-controller-manager",
        )
    ]
    for name in names:
        assert software._has_mark(str(templates / name)), name
