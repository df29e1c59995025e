"""Which distributions are accepted, and the names of packages and paths for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.inventory.cluster import distributions
from tests.unit.playbook.conftest import Bench

ROOT = Path(__file__).resolve().parents[4]


def make_facts(name: str, version: str) -> dict[str, Any]:
    """The facts that Ansible has of a distribution."""
    return {
        "ansible_distribution": name,
        "ansible_distribution_version": version,
        "ansible_distribution_major_version": version.split(".", maxsplit=1)[0],
    }


@pytest.mark.parametrize(("name", "version"), [("Debian", "12.11"), ("Debian", "13.1")])
def test_debian_12_and_13_are_accepted(name: str, version: str) -> None:
    assert distributions.find_problem(make_facts(name, version)) is None


@pytest.mark.parametrize(
    ("name", "version"),
    [("Ubuntu", "22.04"), ("Ubuntu", "24.04"), ("RedHat", "9.6"), ("Rocky", "10.0"), ("AlmaLinux", "9.5")],
)
def test_experimental_distributions_need_the_variable(name: str, version: str) -> None:
    facts = make_facts(name, version)
    assert distributions.find_problem(facts) == (
        f"{name} {version} is experimental (not tested): "
        "set kprov_allow_experimental_distributions to true to try it"
    )
    assert distributions.find_problem(facts, allow_experimental=True) is None


@pytest.mark.parametrize(
    ("name", "version"),
    [("Debian", "11.9"), ("Ubuntu", "20.04"), ("Ubuntu", "22.10"), ("RedHat", "8.10"), ("Fedora", "42")],
)
def test_other_distributions_are_rejected_even_if_experimental_ones_are_allowed(
    name: str, version: str
) -> None:
    found = distributions.find_problem(make_facts(name, version), allow_experimental=True)
    assert found == f"{name} {version} is not supported; use Debian 12 and Debian 13"


@pytest.mark.parametrize(
    ("name", "version", "allowed"),
    [
        ("Debian", "12.11", False),
        ("Debian", "11.9", True),
        ("Ubuntu", "24.04", False),
        ("Ubuntu", "24.04", True),
        ("Rocky", "9.6", False),
        ("Rocky", "9.6", True),
    ],
)
def test_the_role_rejects_the_same_hosts_in_the_same_words(
    tmp_path: Path, name: str, version: str, allowed: bool
) -> None:
    bench = Bench(tmp_path)
    facts = make_facts(name, version)
    tables = yaml.safe_load(distributions.TABLE.read_text())
    defaults = yaml.safe_load((ROOT / "roles/kprov_defaults/defaults/main.yml").read_text())
    variables = defaults | tables | {distributions.ALLOW_EXPERIMENTAL: allowed}
    variables["ansible_facts"] = {key.removeprefix("ansible_"): value for key, value in facts.items()}
    check = str(ROOT / "roles/host/tasks/check.yml")
    play = {"hosts": "a", "gather_facts": False, "vars": variables, "tasks": [{"import_tasks": check}]}
    run = bench.play(yaml.safe_dump([play]))
    problem = distributions.find_problem(facts, allow_experimental=allowed)
    assert bool(run.errors) == (problem is not None)
    if problem is not None:
        assert f"a: {problem}" in " ".join(bench.recorder.shown.split())
