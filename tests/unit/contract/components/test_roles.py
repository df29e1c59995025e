"""The units, playbooks and roles are as the tables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kprov.contract.components import model, table
from kprov.contract.components.model import VARIABLE, Component, render_text
from kprov.inventory.cluster.variables import ClusterVariables

ROOT = Path(__file__).resolve().parents[4]
ROLES = ROOT / "roles"
PROGRAMS = table.list_programs()


def unit_of(component: Component) -> str:
    return (ROOT / "templates" / f"{component.name}.service.j2").read_text()


def tasks_of(component: Component) -> str:
    folder = ROLES / component.name.replace("-", "_") / "tasks"
    return "".join(file.read_text() for file in folder.glob("*.yml"))


@pytest.mark.parametrize("component", PROGRAMS, ids=lambda component: component.name)
def test_a_unit_has_the_user_and_the_ports_of_the_row(component: Component) -> None:
    unit = unit_of(component)
    match = re.search(r"^User=(.*)$", unit, re.MULTILINE)
    assert (match[1] if match else "root") == component.user
    named = set(re.findall(r"--(?:secure-port|port)=(\{\{ \w+ \}\}|\d+)", unit))
    assert named <= {str(port.port) for port in component.ports}


@pytest.mark.parametrize("component", PROGRAMS, ids=lambda component: component.name)
def test_a_role_copies_the_certificates_and_the_kubeconfig_of_the_row(component: Component) -> None:
    tasks = tasks_of(component)
    for certificate in component.certificates:
        assert f'/{certificate.file}.crt"' in tasks
        assert f'/{certificate.file}.key"' in tasks
    if component.kubeconfig is not None:
        assert f"/{component.kubeconfig.file}.conf" in tasks
    for path in component.settings:
        assert f"dest: {path}" in tasks.replace('"', "")


def test_the_playbook_starts_the_components_in_their_order() -> None:
    roles = re.findall(r"role: (\w+)", (ROOT / "playbooks/cluster.yml").read_text())
    rows = [row for row in table.list_components() if not row.enabled_by]
    ordered = [row.name.replace("-", "_") for row in sorted(rows, key=lambda row: row.start_order)]
    assert [role for role in roles if role in ordered] == ordered


def test_the_runtimes_socket_is_the_kubelets() -> None:
    defaults = yaml.safe_load((ROLES / "kubelet/defaults/main.yml").read_text())
    runtime = table.find_runtime()
    assert defaults["kubelet_container_runtime_endpoint"] == f"unix://{runtime.socket}"
    assert (ROLES / runtime.role / "tasks/main.yml").is_file()


def test_names_of_variables_are_those_of_kprov_defaults() -> None:
    defaults = yaml.safe_load((ROLES / "kprov_defaults/defaults/main.yml").read_text())
    known = model.VARIABLES | model.PORT_VARIABLES
    assert known <= set(defaults)
    texts = [
        text
        for row in table.list_components()
        for text in (*row.read_at_start, *row.settings, *row.diagnosed)
    ]
    variables = ClusterVariables()
    for text in texts:
        assert not VARIABLE.search(render_text(text, lambda name: getattr(variables, name)))


def test_packages_of_a_runtime_are_those_of_the_distributions() -> None:
    families = yaml.safe_load((table.TABLES / "distributions.yml").read_text())["kprov_package_names"]
    for family in families.values():
        assert set(table.find_runtime().packages) <= set(family)
