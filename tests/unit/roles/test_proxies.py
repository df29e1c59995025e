"""Proxies of apt and containerd: the cluster's own addresses are reached without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.roles.rendering import render_template

PROXY = "http://user:p%40ss@proxy.example.com:3128"
OWN = (
    "127.0.0.1,localhost,a,b,10.0.0.1,10.0.0.2,10.233.0.0/18,10.233.64.0/18,.svc,.cluster.local"
)  # fmt: skip


def lines_of(folder: Path, template: str, **variables: Any) -> list[str]:
    text = render_template(folder, "containerd", template, ["a", "b"], variables)
    return text.splitlines()[1:]


def test_containerd_reaches_the_cluster_without_the_proxy(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "containerd-proxy.conf.j2", http_proxy=PROXY) == [
        "[Service]",
        'Environment="HTTP_PROXY=http://user:p%%40ss@proxy.example.com:3128"',
        f'Environment="NO_PROXY={OWN}"',
    ]


def test_further_addresses_are_added(tmp_path: Path) -> None:
    found = lines_of(
        tmp_path,
        "containerd-proxy.conf.j2",
        https_proxy="http://p:1",
        kube_vip_address="10.0.0.100",
        additional_no_proxy=".example.com, 192.168.0.0/16",
    )
    assert found[1:] == [
        'Environment="HTTPS_PROXY=http://p:1"',
        f'Environment="NO_PROXY={OWN},10.0.0.100,.example.com,192.168.0.0/16"',
    ]


def test_an_own_no_proxy_replaces_the_default(tmp_path: Path) -> None:
    found = lines_of(tmp_path, "containerd-proxy.conf.j2", http_proxy="http://p:1", no_proxy="10.0.0.0/8")
    assert found[-1] == 'Environment="NO_PROXY=10.0.0.0/8"'


def test_apt_asks_hosts_without_proxy_directly(tmp_path: Path) -> None:
    found = lines_of(
        tmp_path,
        "apt-proxy.conf.j2",
        http_proxy="http://p:1",
        no_proxy="mirror.local, .example.com,10.0.0.0/8",
    )
    assert found == [
        'Acquire::http::Proxy "http://p:1";',
        'Acquire::https::Proxy "http://p:1";',
        'Acquire::http::Proxy::mirror.local "DIRECT";',
        'Acquire::https::Proxy::mirror.local "DIRECT";',
    ]
