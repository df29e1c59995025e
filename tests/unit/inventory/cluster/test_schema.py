"""The JSON Schema of inventories: as strict as the types and no stricter, and the published files are current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from kprov.content.locations import CONTENT
from kprov.inventory.cluster import schema
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.lab.definition import Lab
from kprov.lab.inventory_file import make_inventory

VARIABLES = jsonschema.Draft202012Validator(schema.make_variables_schema())
HOSTS = jsonschema.Draft202012Validator(schema.make_hosts_schema())
DATA = CONTENT / "tests/unit/inventory/data"
#: Values of variables: accepted by both, or by neither.
SAMPLES: list[tuple[str, Any, bool]] = [
    ("kube_pods_subnet", "10.233.64.0/18", True),
    ("kube_pods_subnet", "10.233.64.0", False),
    ("kube_pods_subnet", 10, False),
    ("kube_apiserver_port", 6443, True),
    ("kube_apiserver_port", "6443", True),
    ("kube_apiserver_port", 70000, False),
    ("kube_apiserver_port", "six", False),
    ("kube_hardening", True, True),
    ("kube_hardening", "yes", True),
    ("kube_hardening", "maybe", False),
    ("kube_vip_address", "", True),
    ("kube_vip_address", 7, False),
    ("haproxy_connect_timeout", 750, True),
    ("haproxy_connect_timeout", "3s", True),
    ("haproxy_connect_timeout", "3 s", False),
    ("kubectl_request_timeout", "1m30s", True),
    ("kubectl_request_timeout", "0s", False),
    ("kubectl_request_timeout", 15, False),
    ("keepalived_advert_int", "0.5", True),
    ("keepalived_advert_int", 0, False),
    ("cluster_name", "Cluster", False),
    ("etcd_data_dir", "var/lib", False),
    ("node_labels", {"a": "b"}, True),
    ("node_labels", {"a": 1}, False),
    ("node_taints", ["a=b:NoSchedule"], True),
    ("node_taints", "a=b:NoSchedule", False),
    ("local_path_provisioner_reclaim_policy", "Retain", True),
    ("local_path_provisioner_reclaim_policy", "Keep", False),
    ("kubelet_pod_pids_limit", None, True),
    ("kube_encryption_resources", [], False),
    ("kube_apiserver_node_port_range", "30000-32767", True),
    ("kube_apiserver_node_port_range", "30000", False),
    ("kube_apiserver_admission_event_rate_limits", {"a": {"type": "User", "qps": 1, "burst": 2}}, True),
    ("kube_apiserver_admission_event_rate_limits", {"a": {"type": "Users", "qps": 1, "burst": 2}}, False),
    ("a_variable_of_the_user", {"of": ["any", "type"]}, True),
]


@pytest.mark.parametrize(("name", "value", "valid"), SAMPLES)
def test_schema_and_types_agree(name: str, value: Any, *, valid: bool) -> None:
    assert VARIABLES.is_valid({name: value}) is valid
    try:
        ClusterVariables.model_validate({name: value})
    except ValidationError:
        accepted = False
    else:
        accepted = True
    assert accepted is valid


def test_schema_accepts_the_default_of_every_variable() -> None:
    defaults = ClusterVariables().model_dump(mode="json")
    assert set(defaults) <= set(schema.make_variables_schema()["properties"])
    assert [error.json_path for error in VARIABLES.iter_errors(defaults)] == []


def test_schema_accepts_templates_for_every_variable() -> None:
    assert VARIABLES.is_valid(dict.fromkeys(ClusterVariables.model_fields, "{{ mine }}"))


@pytest.mark.parametrize("path", sorted(CONTENT.glob("inventories/*/hosts.yml")), ids=str)
def test_schema_accepts_our_hosts(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert [error.message for error in HOSTS.iter_errors(document)] == []


@pytest.mark.parametrize(
    "path", sorted(DATA.glob("kubespray/group_vars/**/*.yml")), ids=lambda path: path.name
)
def test_schema_accepts_variables_of_kubespray(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert [error.message for error in VARIABLES.iter_errors(document)] == []


def test_schema_accepts_the_inventory_of_a_lab() -> None:
    assert HOSTS.is_valid(make_inventory(Lab()))


@pytest.mark.parametrize(
    "group",
    [
        {"host": {"n1": None}},
        {"hosts": ["n1"]},
        {"hosts": {"n1": {"ansible_port": "ssh"}}},
        {"vars": {"kube_pods_subnet": "10.0.0.0"}},
        {"children": {"etcd": {"hosts": {"n1": {"node_taints": "a"}}}}},
    ],
)
def test_schema_rejects_wrong_hosts(group: dict[str, Any]) -> None:
    assert not HOSTS.is_valid({"all": group})


@pytest.mark.parametrize(
    ("file", "make"),
    [
        (schema.HOSTS_FILE, schema.make_hosts_schema),
        (schema.VARIABLES_FILE, schema.make_variables_schema),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_published_schema_is_that_of_the_types(file: Path, make: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(make())
    assert json.loads(file.read_text()) == make(), "run `python -m kprov.inventory.cluster.schema`"


def test_command_prints_the_schemas() -> None:
    from typer.testing import CliRunner

    from kprov.cli.commands.inventory import app

    for words, file in (([], schema.HOSTS_FILE), (["--variables"], schema.VARIABLES_FILE)):
        result = CliRunner().invoke(app, ["schema", *words])
        assert result.exit_code == 0
        assert result.stdout == file.read_text()
