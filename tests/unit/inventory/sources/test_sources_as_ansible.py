"""Inventories and patterns against what ansible-inventory 2.19 says of the same sources (data/golden)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.inventory.export import Export
from kprov.inventory.host_patterns import apply_limit, match_hosts
from kprov.inventory.sources.load import load_inventory
from kprov.inventory.yaml_dump import dump_yaml

DATA = Path(__file__).parents[1] / "data"
SOURCES = DATA / "sources"
CASES: dict[str, list[str]] = {
    "ini_grammar": ["ini_grammar.ini"],
    "ini_depth": ["ini_depth.ini"],
    "ini_quotes": ["ini_quotes.ini"],
    "yaml_nested": ["yaml_nested.yml"],
    "yaml_priority": ["yaml_priority.yml"],
    "yaml_types": ["yaml_types"],
    "folder": ["folder"],
    "script": ["script.sh"],
    "script_hosts": ["script_hosts"],
    "host_list": ["h1,h2:22,10.0.0.1,"],
    "several": ["ini_grammar.ini", "yaml_nested.yml", "folder"],
    "folder_and_list": ["folder", "x1,x2"],
    "ini_and_yaml": ["ini_depth.ini", "yaml_priority.yml"],
}


def _export(name: str) -> Export:
    return Export(load_inventory([one if "," in one else SOURCES / one for one in CASES[name]]))


@pytest.mark.parametrize("name", CASES)
def test_the_listing_is_that_of_ansible_inventory(name: str) -> None:
    expected = json.loads((DATA / "golden" / f"{name}.json").read_text())
    assert json.loads(json.dumps(_export(name).listing())) == expected


@pytest.mark.parametrize("name", CASES)
def test_the_graph_is_that_of_ansible_inventory(name: str) -> None:
    expected = (DATA / "golden" / f"{name}.txt").read_text().rstrip("\n")
    assert "\n".join(_export(name).graph(variables=True)) == expected


def _patterns() -> list[tuple[str, str, Any]]:
    golden = json.loads((DATA / "golden" / "patterns.json").read_text())
    return [(source, pattern, hosts) for source, known in golden.items() for pattern, hosts in known.items()]


@pytest.mark.parametrize(("source", "pattern", "hosts"), _patterns())
def test_a_pattern_matches_what_it_matches_in_ansible(source: str, pattern: str, hosts: Any) -> None:
    inventory = load_inventory(SOURCES / source)
    if hosts == "refused":
        with pytest.raises(InputError, match="hosts"):
            match_hosts(inventory, pattern)
    else:
        assert match_hosts(inventory, pattern) == hosts


def test_this_machine_is_there_without_being_in_a_source() -> None:
    inventory = load_inventory("h1,")
    assert match_hosts(inventory, "localhost") == ["localhost"]
    assert inventory.variables("localhost")["ansible_connection"] == "local"
    assert match_hosts(inventory, "all") == ["h1"]
    assert inventory.group_names("localhost") == []


def test_a_machine_that_a_source_names_127_0_0_1_is_localhost() -> None:
    inventory = load_inventory("127.0.0.1,")
    assert match_hosts(inventory, "localhost") == ["127.0.0.1"]


def test_a_limit_may_be_a_file_of_hosts(tmp_path: Path) -> None:
    (tmp_path / "retry").write_text("h2\nh3\n")
    inventory = load_inventory("h1,h2,h3,")
    assert apply_limit(inventory, inventory.members("all"), f"@{tmp_path}/retry,!h3") == ["h2"]
    with pytest.raises(InputError, match="--limit: the file does not exist"):
        apply_limit(inventory, ["h1"], "@/nowhere")


def test_what_a_play_adds_is_in_its_groups_at_once() -> None:
    inventory = load_inventory("h1,")
    assert inventory.group_names("h1") == ["ungrouped"]
    inventory.add_host("h2", "new")
    inventory.add_host("h1", "new")
    assert inventory.group_members() == {"all": ["h2", "h1"], "ungrouped": [], "new": ["h2", "h1"]}
    assert inventory.group_names("h1") == ["new"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("h.ini", "[a\nb", "h.ini:1"),
        ("h.ini", "[a:things]\n", "h.ini:1: a: a section ends in hosts, children, vars, not 'things'"),
        ("h.ini", "[a b]\n", "h.ini:1: .* is not a section"),
        ("h.ini", "[a:children]\nb\n", "h.ini:2: b: the child group does not exist"),
        ("h.ini", "h\n[a:vars]\nb=1\n", "h.ini:2: a: the group of these variables does not exist"),
        ("h.ini", "[a]\nh\n[a:vars]\nb\n", "h.ini:4: a: expected NAME=VALUE"),
        ("h.ini", "h x\n", "h.ini:1: h: expected NAME=VALUE, not 'x'"),
        ("h.ini", "h x='y\n", "h.ini:1: .*No closing quotation"),
        ("h.ini", "h:\n", "h.ini:1: h:: a host's name cannot end with a colon"),
        ("h.ini", "h[1]\n", r"h.ini:1: h\[1\]: \[1\] is not a range"),
        ("h.ini", "h[3:1]\n", "is an empty range"),
        ("h.ini", "h[01:100]\n", "must have ends of the same length"),
        (
            "h.ini",
            "[a]\nh\n[a:vars]\nansible_group_priority=x\n",
            "h.ini:4: ansible_group_priority: 'x' is not",
        ),
        ("h.ini", "---\nh\n", "this looks like YAML"),
        ("h.yml", "all: {hosts: {1: }}", "h.yml:1: all.hosts: 1 is not a host's name; quote it"),
        ("h.yml", "plugin: aws_ec2\n", "inventory plugins are not supported"),
        ("h.toml", "[a]\n", "TOML inventories are not supported"),
    ],
)
def test_a_wrong_inventory_is_refused_with_file_and_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        load_inventory(tmp_path / name)


def test_the_error_for_a_failed_inventory_script_has_its_output(tmp_path: Path) -> None:
    script = tmp_path / "hosts"
    script.write_text("#!/bin/sh\necho no credentials >&2\nexit 3\n")
    script.chmod(0o755)
    with pytest.raises(InputError, match="--list failed with exit code 3: no credentials"):
        load_inventory(script)


def test_group_vars_beside_a_playbook_win_over_those_of_the_inventory(tmp_path: Path) -> None:
    for folder in ("inventory", "play"):
        (tmp_path / folder / "group_vars").mkdir(parents=True)
        (tmp_path / folder / "group_vars" / "web.yml").write_text(f"where: {folder}\nonly_{folder}: 1\n")
    (tmp_path / "inventory" / "hosts").write_text("[web]\nh1 where=host\nh2\n")
    inventory = load_inventory(tmp_path / "inventory")
    assert inventory.variables("h2", (tmp_path / "play",)) == {
        "where": "play", "only_inventory": 1, "only_play": 1,
    }  # fmt: skip
    assert inventory.variables("h1")["where"] == "host"


def test_a_host_knows_the_source_that_first_had_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "hosts").write_text("a.example.com\n10.0.0.1\n")
    (tmp_path / "sub" / "more").write_text("[s]\ns1\na.example.com\n")
    inventory = load_inventory([tmp_path, "q1,q2"])
    assert inventory.magic("a.example.com") == {
        "inventory_hostname": "a.example.com",
        "inventory_hostname_short": "a",
        "inventory_file": str(tmp_path / "hosts"),
        "inventory_dir": str(tmp_path),
        "group_names": ["s"],
    }
    assert inventory.magic("10.0.0.1")["inventory_hostname_short"] == "10.0.0.1"
    assert inventory.magic("s1")["inventory_dir"] == str(tmp_path / "sub")
    assert (inventory.magic("q1")["inventory_file"], inventory.magic("q1")["inventory_dir"]) == (
        "q1,q2",
        None,
    )
    inventory.implicit_localhost("localhost")
    assert "inventory_file" not in inventory.magic("localhost")
    inventory.add_host("added")
    assert inventory.magic("added")["inventory_file"] is None


@pytest.mark.parametrize("name", ["ini_grammar", "yaml_nested", "folder"])
def test_the_yaml_listing_is_that_of_ansible_inventory_and_loads_again(name: str, tmp_path: Path) -> None:
    text = dump_yaml(_export(name).nested())
    golden = yaml_file.load_yaml(DATA / "golden" / f"{name}.yml")
    assert yaml_file.parse_yaml(text, name) == golden
    (tmp_path / "hosts.yml").write_text(text)
    again, first = load_inventory(tmp_path / "hosts.yml"), _export(name).inventory
    assert {host: again.variables(host) for host in again.hosts} == {
        host: first.variables(host) for host in first.hosts
    }


def _forms() -> list[Any]:
    golden = json.loads((DATA / "golden" / "forms.json").read_text())
    return [
        pytest.param(one["suffix"], one["text"], one["expected"], id=f"{n}") for n, one in enumerate(golden)
    ]


@pytest.mark.parametrize(("suffix", "text", "expected"), _forms())
def test_a_form_is_read_or_refused_as_ansible_does(
    tmp_path: Path, suffix: str, text: str, expected: Any
) -> None:
    path = tmp_path / f"hosts{suffix}"
    path.write_text(text, newline="")
    if expected == "refused":
        with pytest.raises(InputError):
            load_inventory(path)
        return
    inventory = load_inventory(path)
    found = [
        inventory.group_members(),
        {name: host.variables for name, host in inventory.hosts.items()},
        {name: group.variables for name, group in inventory.groups.items() if group.variables},
    ]
    assert json.loads(json.dumps(found, default=str)) == expected
