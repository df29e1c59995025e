"""containerd's mirrors of a registry: those of the inventory, and kprov's registry with an export's images."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from tests.unit.roles.rendering import render_template


def hosts_of(folder: Path, prefix: str, **variables: Any) -> dict[str, Any]:
    """The rendered hosts.toml of a prefix."""
    text = render_template(
        folder, "containerd", "containerd-hosts.toml.j2", ["a", "b"], variables | {"item": prefix}
    )
    return tomllib.loads(text)


def test_mirrors_in_kubesprays_form(tmp_path: Path) -> None:
    mirrors = [
        {"host": "https://mirror.local", "capabilities": ["pull", "resolve"], "skip_verify": False},
        {
            "host": "http://10.0.0.9:5000",
            "skip_verify": True,
            "override_path": True,
            "capabilities": "pull",
            "ca": "/etc/ca.crt",
            "client": [["/etc/c.crt", "/etc/c.key"]],
            "header": {"x-team": "a"},
        },
    ]
    one = {"prefix": "docker.io", "server": "https://registry-1.docker.io", "mirrors": mirrors}
    assert hosts_of(tmp_path, "docker.io", containerd_registries_mirrors=[one]) == {
        "server": "https://registry-1.docker.io",
        "host": {
            "https://mirror.local": {
                "capabilities": ["pull", "resolve"],
                "skip_verify": False,
                "override_path": False,
            },
            "http://10.0.0.9:5000": {
                "capabilities": ["pull"],
                "skip_verify": True,
                "override_path": True,
                "ca": ["/etc/ca.crt"],
                "client": [["/etc/c.crt", "/etc/c.key"]],
                "header": {"x-team": ["a"]},
            },
        },
    }


def test_images_of_an_export_come_from_all_hosts_with_the_registry_first(tmp_path: Path) -> None:
    own = {"prefix": "quay.io:443", "mirrors": [{"host": "https://mirror.local"}]}
    found = hosts_of(
        tmp_path,
        "quay.io:443",
        containerd_registries_mirrors=[own],
        image_registry_names=["docker.io", "quay.io:443"],
    )["host"]
    assert list(found) == [
        "https://10.0.0.1:5000/v2/quay.io_443",
        "https://10.0.0.2:5000/v2/quay.io_443",
        "https://mirror.local",
    ]
    assert found["https://10.0.0.1:5000/v2/quay.io_443"] == {
        "capabilities": ["pull", "resolve"],
        "override_path": True,
        "ca": "/etc/kubernetes/pki/ca.crt",
    }
