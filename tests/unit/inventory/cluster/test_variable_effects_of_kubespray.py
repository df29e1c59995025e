"""Variables of kubespray's current release: each has an effect, a reason why not, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.content.locations import CONTENT
from kprov.inventory.cluster.variable_effects import Effect, find_effects
from kprov.inventory.sources.load import load_inventory


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kube_asymmetric_encryption_algorithm", "keys are of ECDSA P-256"),
        ("kube_ca_cert_validity_period", "authorities are valid for ten years"),
        ("access_ip6", "hosts have IPv4"),
        ("main_access_ip", "kubespray computes it; set access_ip"),
        ("kube_pods_subnets", "kubespray computes it; set kube_pods_subnet"),
        ("crio_version", "containerd is the only runtime"),
        ("pod_infra_version", "the bundle has the image of sandboxes"),
        ("kube_etcd_cacert_file", "the files of etcd's certificates have kprov's own names"),
        ("ubuntu_stop_unattended_upgrades", "upgrades of packages are the host's business"),
    ],
)
def test_a_variable_of_kubespray_is_not_unknown(tmp_path: Path, name: str, reason: str) -> None:
    file = tmp_path / "hosts.yml"
    file.write_text(f"all: {{hosts: {{h1: }}, vars: {{{name}: x}}}}\n")
    (finding,) = find_effects(load_inventory(file), CONTENT)
    assert (finding.name, finding.effect, finding.text) == (name, Effect.NONE, reason)
