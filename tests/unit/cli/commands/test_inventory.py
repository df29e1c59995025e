"""`kprov inventory`: list, graph, host and check as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kprov.cli.commands.inventory import app
from kprov.errors import InputError

DATA = Path(__file__).parents[2] / "inventory" / "data"
RUNNER = CliRunner()


def _run(*words: str | Path) -> tuple[int, str]:
    result = RUNNER.invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_list_takes_several_sources_and_a_limit() -> None:
    code, text = _run("list", "-i", DATA / "sources/ini_depth.ini", "-i", "x1,x2", "-l", "x2:h1")
    listing = json.loads(text)
    assert code == 0
    assert set(listing["_meta"]["hostvars"]) == {"h1"}
    assert listing["ungrouped"] == {"hosts": ["x2"]}


def test_list_refuses_a_limit_that_names_nothing() -> None:
    with pytest.raises(InputError, match="there is no host or group 'nope'"):
        _run("list", "-i", DATA / "sources/ini_depth.ini", "-l", "nope")


def test_graph_starts_at_the_requested_group() -> None:
    assert _run("graph", "c", "-i", DATA / "sources/ini_depth.ini") == (
        0,
        "@c:\n  |--@b:\n  |  |--h1\n  |--@a:\n  |  |--h1\n  |  |--h2\n",
    )
    with pytest.raises(InputError, match="the inventory has no group 'nobody'"):
        _run("graph", "nobody", "-i", "x,")


def test_host_shows_vault_values_encrypted() -> None:
    code, text = _run(
        "host", "w1", "-i", DATA / "sources/script_hosts", "--vault-password-file", DATA / "vault/password"
    )
    assert (code, json.loads(text)) == (0, {"a": 1, "asked": "w1"})
    with pytest.raises(InputError, match="the inventory has no host 'w9'"):
        _run("host", "w9", "-i", DATA / "sources/script_hosts")


def test_a_graph_with_variables_hides_what_was_encrypted(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text((DATA / "vault/mixed.yml").read_text())
    (tmp_path / "hosts").write_text("h1\n")
    password: list[str | Path] = ["--vault-password-file", DATA / "vault/password"]
    _, text = _run("graph", "--vars", "-i", tmp_path, *password)
    assert "{secret = ********}" in text
    assert "1 + 1" not in text
    _, text = _run("host", "h1", "-i", tmp_path, *password)
    assert json.loads(text)["secret"]["__ansible_vault"].startswith("$ANSIBLE_VAULT;1.1;AES256\n")


def test_check_of_a_good_inventory_ends_with_0_and_of_another_with_2(tmp_path: Path) -> None:
    code, text = _run("check", "-i", DATA / "kubespray")
    assert code == 0
    assert "is valid for `kprov up`" in text
    bad = (DATA / "kubespray_legacy.yml").read_text() + "  vars: {container_manager: crio, dns_domain: A_b}\n"
    (tmp_path / "hosts.yml").write_text(bad)
    code, text = _run("check", "-i", tmp_path, "-o", "json")
    found = json.loads(text)
    assert code == 2
    assert {"container_manager", "dns_domain"} <= {one["name"] for one in found["variables"]}
    assert any("crio are not supported" in one for one in found["problems"])
    assert any("dns_domain" in one for one in found["problems"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "{{ kube_service_addresses }}",
            "refer to each other: kube_pods_subnet > kube_service_addresses > kube_pods_subnet",
        ),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 'x' | nosuch }}", "nosuch"),
    ],
)
def test_a_variable_whose_template_fails_is_a_problem_with_its_file_and_line(
    tmp_path: Path, value: str, message: str
) -> None:
    group = "{hosts: {a: {ansible_host: 10.86.0.11}}}"
    (tmp_path / "hosts.yml").write_text(
        f"all:\n  children:\n    kube_control_plane: {group}\n    etcd: {group}\n    kube_node: {group}\n"
        f'  vars:\n    kube_pods_subnet: "{value}"\n    kube_service_addresses: "{{{{ kube_pods_subnet }}}}"\n'
    )
    code, text = _run("check", "-i", tmp_path / "hosts.yml", "-o", "json")
    assert code == 2
    problem = next(one for one in json.loads(text)["problems"] if "hosts.yml:7: kube_pods_subnet" in one)
    assert message in problem
    assert str(tmp_path) not in problem.split("kube_pods_subnet", 1)[1]
