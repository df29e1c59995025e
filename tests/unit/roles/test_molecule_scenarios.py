"""Each role has a scenario of Molecule, and each scenario names roles and checks that exist."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.verify import runner

ROOT = Path(__file__).parents[3]
SCENARIOS = sorted(
    path for path in ROOT.glob("extensions/molecule/*/molecule.yml") if path.parent.name != "default"
)
AREAS = {runner.UNITS.name, *(area.name for area in runner.host_areas(dict)), *runner.CLUSTER_AREAS, "probe"}


def environment(scenario: Path) -> dict[str, Any]:
    env: dict[str, Any] = yaml.safe_load(scenario.read_text())["ansible"].get("env", {})
    return env


def test_every_role_has_a_scenario() -> None:
    roles = {path.parents[1].name for path in ROOT.glob("roles/*/meta/main.yml")}
    assert {path.parent.name for path in SCENARIOS} == roles


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.parent.name)
def test_a_scenario_names_variables_of_the_shared_configuration(scenario: Path) -> None:
    assert environment(scenario).keys() <= environment(ROOT / ".config/molecule/config.yml").keys()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.parent.name)
def test_it_needs_roles_of_the_cluster(scenario: Path) -> None:
    plays = yaml.safe_load((ROOT / "playbooks/cluster.yml").read_text())
    entries = [entry for play in plays for entry in (*play.get("roles", []), *play.get("tasks", []))]
    tags = {
        tag
        for entry in entries
        for tag in ([entry["tags"]] if isinstance(entry.get("tags"), str) else entry.get("tags", []))
    }
    assert set(filter(None, environment(scenario).get("ROLE_NEEDS", "").split(","))) <= tags


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.parent.name)
def test_its_checks_are_in_areas_of_the_verification(scenario: Path) -> None:
    patterns = shlex.split(environment(scenario).get("ROLE_CHECKS", ""))
    assert {pattern.partition("/")[0] for pattern in patterns} <= AREAS


@pytest.mark.parametrize("name", ["driver", "platforms", "provisioner"])
def test_no_configuration_has_a_key_that_the_section_ansible_replaced(name: str) -> None:
    for path in (*ROOT.glob("extensions/molecule/*/molecule.yml"), ROOT / ".config/molecule/config.yml"):
        assert name not in yaml.safe_load(path.read_text()), path
