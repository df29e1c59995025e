"""A role's template with the role's defaults, rendered by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.unit.playbook.conftest import Bench

ROOT = Path(__file__).resolve().parents[3]


def render_template(
    folder: Path, role: str, template: str, control_plane: Sequence[str], variables: Mapping[str, Any]
) -> str:
    """Its text for the first of these hosts. variables: the inventory's."""
    bench = Bench(folder)
    hosts = yaml.safe_load((folder / "hosts.yml").read_text())
    hosts["all"]["hosts"] = {name: {"ip": f"10.0.0.{n}"} for n, name in enumerate(control_plane, 1)}
    hosts["all"]["children"] = {"kube_control_plane": {"hosts": dict.fromkeys(control_plane)}}
    hosts["all"]["children"] |= {name: {"hosts": {}} for name in ("etcd", "kube_node")}
    hosts["all"]["vars"] |= variables
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    defaults: dict[str, Any] = {}
    for name in ("kprov_defaults", role):
        defaults |= yaml.safe_load((ROOT / "roles" / name / "defaults/main.yml").read_text())
    for path in sorted((ROOT / "roles/kprov_defaults/vars/main").glob("*.yml")):
        defaults |= yaml.safe_load(path.read_text())
    # The distribution that facts would name.
    defaults["kprov_distribution_title"] = "Debian 13"
    target = folder / "rendered"
    task = {
        "run_once": True,
        "template": {"src": str(ROOT / "templates" / template), "dest": str(target)},
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars": {name: value for name, value in defaults.items() if name not in variables},
        "tasks": [task],
    }
    run = bench.play(yaml.safe_dump([play]))
    assert not run.errors
    return target.read_text()
