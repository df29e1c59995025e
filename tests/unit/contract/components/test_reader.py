"""Every mistake in the tables names the file, the row and the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.contract.components import table
from kprov.contract.components.reader import read_components, read_runtimes
from kprov.errors import InputError

MISSING: Any = object()
ROW = {"groups": ["kube_node"], "start_order": 1, "stop_order": 1}
PORT = {"port": 4000, "addresses": ["any"]}
CERTIFICATE = {"file": "a", "authority": "ca", "common_name": "a", "usages": ["client"]}


def write(folder: Path, rows: Any, variable: str = "kprov_components") -> Path:
    file = folder / "components.yml"
    file.write_text(yaml.safe_dump({variable: rows}))
    return file


def test_a_row_of_three_fields_is_a_component(tmp_path: Path) -> None:
    (component,) = read_components(write(tmp_path, {"made-up": ROW}))
    assert (component.name, component.groups) == ("made-up", ("kube_node",))
    assert component.own_file == "/etc/systemd/system/made-up.service"


@pytest.mark.parametrize(
    ("change", "place", "text"),
    [
        ({"group": ["etcd"]}, "group", "there is no such field; did you mean 'groups'?"),
        ({"groups": MISSING}, "groups", "is missing"),
        ({"groups": []}, "groups", "must name a group, or all"),
        ({"groups": "etcd"}, "groups", "must be a list of texts, not 'etcd'"),
        ({"groups": ["nodes"]}, "groups[0]", "'nodes' is none of all, kube_control_plane, etcd, kube_node"),
        ({"groups": [4]}, "groups[0]", "must be a text, not 4"),
        ({"start_order": True}, "start_order", "must be a whole number, not True"),
        ({"health_gate": "yes"}, "health_gate", "must be true or false, not 'yes'"),
        ({"restore": "wait"}, "restore", "'wait' is none of stop, restart"),
        ({"removed": ["etc"]}, "removed[0]", "'etc' is no absolute path"),
        ({"removed": ["/{{ x }}"]}, "removed[0]", "the variable x cannot be named here"),
        ({"removed": ["/{{ x | y }}"]}, "removed[0]", "has an expression"),
        ({"ports": [{**PORT, "port": 70000}]}, "ports[0].port", "a number from 1 to 65535, not 70000"),
        ({"ports": [{**PORT, "port": "http"}]}, "ports[0].port", "or a variable, not 'http'"),
        ({"ports": [{**PORT, "port": "{{ x }}"}]}, "ports[0].port", "the variable x cannot be named"),
        ({"ports": [{**PORT, "clients": ["etcd"]}]}, "ports[0].title", "a port with clients needs one"),
        ({"ports": [{**PORT, "host": 1}]}, "ports[0].host", "there is no such field"),
        ({"ports": {}}, "ports", "must be a list of mappings"),
        ({"ports": [4]}, "ports[0]", "must be a mapping of fields"),
        (
            {"certificates": [{**CERTIFICATE, "authority": "x"}]},
            "certificates[0].authority",
            "'x' is none of ca, etcd-ca, front-proxy-ca",
        ),
        (
            {"certificates": [{**CERTIFICATE, "usages": ["server"]}]},
            "certificates[0].names",
            "clients check the names",
        ),
        (
            {"kubeconfig": {"file": "a", "certificate": "b", "authority": "ca.crt"}},
            "kubeconfig.certificate",
            "'b' is no certificate of this component",
        ),
        ({"package": {"name": "a"}}, "package.archive", "is missing"),
    ],
)
def test_a_mistake_names_file_row_and_field(
    tmp_path: Path, change: dict[str, Any], place: str, text: str
) -> None:
    row = {name: value for name, value in (ROW | change).items() if value is not MISSING}
    with pytest.raises(InputError) as error:
        read_components(write(tmp_path, {"made-up": row}))
    assert error.value.exit_code == 2
    assert error.value.field == f"kprov_components.made-up.{place}"
    assert str(error.value).startswith(f"{tmp_path}/components.yml: ")
    assert text in error.value.reason


@pytest.mark.parametrize(
    ("own", "field", "text"),
    [
        ({"start_order": 1}, "start_order", "1 is that of first already"),
        ({"stop_order": 1}, "stop_order", "1 is that of first already"),
        ({"program": "dns"}, "program", "dns is that of first already"),
        ({"ports": [PORT]}, "ports", "4000 is that of first already"),
        ({"certificates": [CERTIFICATE]}, "certificates", "a is that of first already"),
    ],
)
def test_two_rows_must_not_contradict_each_other(
    tmp_path: Path, own: dict[str, Any], field: str, text: str
) -> None:
    first = ROW | {"program": "dns", "ports": [PORT], "certificates": [CERTIFICATE]}
    second = ROW | {"start_order": 2, "stop_order": 2} | own
    with pytest.raises(InputError) as error:
        read_components(write(tmp_path, {"first": first, "second": second}))
    assert (error.value.field, error.value.reason) == (f"kprov_components.second.{field}", text)


@pytest.mark.parametrize("name", ["Upper", "a b", "$(reboot)", ""])
def test_a_unit_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="lower-case letters, digits and -"):
        read_components(write(tmp_path, {name: ROW}))


def test_a_file_without_the_table_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="kprov_container_runtimes: must be a mapping of rows"):
        read_runtimes(write(tmp_path, {"made-up": ROW}))


def test_a_runtime_with_an_unknown_log_format_is_rejected(tmp_path: Path) -> None:
    rows = yaml.safe_load((table.TABLES / "runtimes.yml").read_text())["kprov_container_runtimes"]
    rows["containerd"]["log_format"] = "text"
    with pytest.raises(
        InputError, match=r"kprov_container_runtimes\.containerd\.log_format: 'text' is none of"
    ):
        read_runtimes(write(tmp_path, rows, "kprov_container_runtimes"))
