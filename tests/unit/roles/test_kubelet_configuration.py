"""The kubelet's configuration file: what the role writes is what the kubelet acts on."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.kubelet.config import flags
from tests.unit.roles.rendering import render_template


@pytest.mark.parametrize("hardening", [True, False])
def test_every_field_of_the_file_is_served(tmp_path: Path, hardening: bool) -> None:
    variables = {
        "kube_hardening": hardening,
        "kubelet_cgroup_driver": "systemd",
        "kubelet_resolv_conf": "/etc/resolv.conf",
        "kubelet_max_pods": 42,
    }
    text = render_template(tmp_path, "kubelet", "kubelet-config.yaml.j2", ["a"], variables)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    config = flags.parse([f"--config={path}"])
    assert config.unserved_fields == []
    assert (config.max_pods, config.cgroup_driver) == (42, "systemd")
    assert bool(config.tls_min_version) == hardening
