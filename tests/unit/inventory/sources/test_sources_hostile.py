"""Inventories with mistakes that once hung kprov or ended it as an internal error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.inventory.sources.load import load_inventory


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def nested_yaml(levels: int) -> str:
    lines, indent = ["all:"], "  "
    for level in range(levels):
        lines += [f"{indent}children:", f"{indent}  g{level}:"]
        indent += "    "
    return "\n".join([*lines, f"{indent}hosts: {{h1: }}", ""])


def nested_ini(levels: int) -> str:
    return "".join(f"[g{level}:children]\ng{level + 1}\n" for level in range(levels)) + f"[g{levels}]\nh1\n"


def test_groups_nested_too_deeply_are_refused_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"hosts\.yml:[0-9]+: YAML: .*more than 100 levels"):
        load_inventory(write(tmp_path / "hosts.yml", nested_yaml(900)))
    with pytest.raises(InputError, match=r"hosts:[0-9]+: g[0-9]+: groups are nested more than 100 levels"):
        load_inventory(write(tmp_path / "hosts", nested_ini(900)))
    inventory = load_inventory(write(tmp_path / "few", nested_ini(90)))
    assert inventory.variables("h1") == {}
    assert len(inventory.group_names("h1")) == 91


def test_groups_with_many_parents_do_not_take_exponential_time(tmp_path: Path) -> None:
    # Each level has two groups that both contain both groups of the next: 2 ** 40 paths.
    lines = [
        f"[{name}{level}:children]\na{level + 1}\nb{level + 1}\n" for level in range(40) for name in "ab"
    ]
    inventory = load_inventory(write(tmp_path / "hosts", "".join(lines) + "[a40]\nh1\n[b40]\nh1\n"))
    assert inventory.depth("a40") == 41


def test_a_loop_of_groups_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nested in a loop: a > b > a"):
        load_inventory(write(tmp_path / "hosts", "[a:children]\nb\n[b:children]\na\n"))


def test_a_folder_that_links_to_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "inv/hosts.yml", "all: {hosts: {h1: }}")
    (tmp_path / "inv/loop").symlink_to(".")
    with pytest.raises(InputError, match=r"inv/loop: is a link to .*, in which it stands"):
        load_inventory(tmp_path / "inv")


def test_a_folder_of_variables_that_links_to_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "hosts.yml", "all: {hosts: {h1: }}")
    write(tmp_path / "group_vars/all/x.yml", "a: 1")
    (tmp_path / "group_vars/all/loop").symlink_to(".")
    with pytest.raises(InputError, match="is a link to"):
        load_inventory(tmp_path / "hosts.yml").variables("h1")


@pytest.mark.parametrize("entry", ["h[1:99999999]", "h[1:999][1:999][1:999]", f"h[1:{'9' * 500}]"])
def test_a_range_of_too_many_hosts_is_refused(tmp_path: Path, entry: str) -> None:
    with pytest.raises(InputError, match=r"hosts:1: .*(100,000|too large)"):
        load_inventory(write(tmp_path / "hosts", f"{entry}\n"))
    with pytest.raises(InputError, match=r"hosts\.yml:1: .*(100,000|too large)"):
        load_inventory(write(tmp_path / "hosts.yml", f"all: {{hosts: {{'{entry}': }}}}"))


def test_named_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "inv/hosts.yml", "all: {hosts: {h1: }}")
    os.mkfifo(tmp_path / "inv/more.yml")
    for source in (tmp_path / "inv", tmp_path / "inv/more.yml"):
        with pytest.raises(InputError, match=r"more\.yml: is a named pipe"):
            load_inventory(source)
    with pytest.raises(InputError, match="/dev/zero: is a device"):
        load_inventory("/dev/zero")


def test_a_named_pipe_of_variables_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "hosts.yml", "all: {hosts: {h1: }}")
    (tmp_path / "group_vars").mkdir()
    os.mkfifo(tmp_path / "group_vars/all.yml")
    with pytest.raises(InputError, match=r"all\.yml: is a named pipe"):
        load_inventory(tmp_path / "hosts.yml").variables("h1")


def test_a_script_that_sleeps_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPROV_INVENTORY_SCRIPT_TIMEOUT", "0.2")
    script = write(tmp_path / "script", "#!/bin/sh\nsleep 600\n", 0o755)
    with pytest.raises(
        InputError, match=r"--list did not end within 0\.2 s; KPROV_INVENTORY_SCRIPT_TIMEOUT="
    ):
        load_inventory(script)
    monkeypatch.setenv("KPROV_INVENTORY_SCRIPT_TIMEOUT", "nan")
    with pytest.raises(InputError, match="must be a number of seconds, not 'nan'"):
        load_inventory(script)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("#!/no/such/program", "an interpreter that does not exist: /no/such/program"),
        ("#!/bin/sh\r", "ends in a carriage return"),
    ],
)
def test_a_script_without_its_interpreter_names_it(tmp_path: Path, head: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load_inventory(write(tmp_path / "script", f"{head}\n", 0o755))


def test_a_byte_order_mark_in_ini_is_no_host(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\xef\xbb\xbf[g]\nh1\n")
    assert load_inventory(tmp_path / "hosts").members("g") == ["h1"]


def test_ini_in_a_file_with_a_name_of_yaml_is_read_as_ansible_does(tmp_path: Path) -> None:
    inventory = load_inventory(write(tmp_path / "hosts.yml", "# mine\n[g]\nh1 a=1\n"))
    assert inventory.variables("h1") == {"a": 1}
    with pytest.raises(InputError, match="must be a mapping of groups"):
        load_inventory(write(tmp_path / "list.yml", "[a, b]\n"))


def test_an_inventory_of_empty_groups_says_where_hosts_go(tmp_path: Path) -> None:
    sample = "[kube_control_plane]\n# node1 ansible_host=192.0.2.1\n\n[etcd:children]\nkube_control_plane\n"
    with pytest.raises(InputError, match=r"kube_control_plane are empty\. Write .* line 1 of inventory\.ini"):
        load_inventory(write(tmp_path / "inventory.ini", sample))


def test_a_host_whose_name_is_too_long_for_a_file_has_no_variables(tmp_path: Path) -> None:
    name = "h" * 5000
    assert load_inventory(write(tmp_path / "hosts", f"{name}\n")).variables(name) == {}
