"""Facts: which are gathered for what is asked, and what files mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.agent import facts
from kprov.agent.context import ModuleError
from kprov.agent.facts import distribution, local

KNOWN = {one.subset for one in facts._collectors(facts.Options())}


@pytest.mark.parametrize(
    ("subset", "inside", "outside"),
    [
        (["all"], {"hardware", "network", "platform", "local"}, set()),
        (["!all"], {"platform", "distribution", "dns"}, {"hardware", "network", "virtual"}),
        (["!all", "!min"], set(), {"platform", "hardware"}),
        (["!all", "!min", "network"], {"network", "platform", "distribution"}, {"env", "hardware"}),
        (["!hardware"], {"platform"}, {"hardware", "network"}),
        (["all", "!hardware"], {"network"}, {"hardware"}),
        (["default_ipv4"], {"network", "platform"}, {"hardware"}),
    ],
)
def test_subsets_are_added_and_taken_away(subset: list[str], inside: set[str], outside: set[str]) -> None:
    found = facts.select_subsets(KNOWN, subset)
    assert inside <= found
    assert not outside & found


def test_a_subset_that_is_none_is_refused() -> None:
    with pytest.raises(ModuleError, match="Bad subset 'parity' given to Ansible"):
        facts.gather_facts(["parity"], [])


def test_a_few_names_cost_what_makes_them() -> None:
    found = facts.gather_facts(["all"], [], names=["ansible_os_family", "ansible_date_time"])
    assert {"ansible_os_family", "ansible_distribution", "ansible_date_time"} <= set(found)
    assert "ansible_kernel" not in found
    assert "ansible_lo" in facts.gather_facts(["all"], [], names=["ansible_lo"])


def test_filters_are_patterns_of_names() -> None:
    found = facts.gather_facts(["!all"], ["ansible_user_*", "kernel"])
    assert {"ansible_user_id", "ansible_kernel"} <= set(found)
    assert "ansible_distribution" not in found
    assert "module_setup" not in found


DEBIAN = 'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'
UBUNTU = "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=24.04\nVERSION_CODENAME=noble\n"
ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION="9.4 (Blue Onyx)"\nVERSION_ID="9.4"\n'
ALPINE = "ID=alpine\nVERSION_ID=3.20.3\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"os-release": DEBIAN, "debian_version": "13.7\n"},
            ("Debian", "13.7", "13", "trixie", "Debian", "/etc/os-release"),
        ),
        (
            {"os-release": UBUNTU, "debian_version": "trixie/sid\n"},
            ("Ubuntu", "24.04", "24", "noble", "Debian", "/etc/os-release"),
        ),
        (
            {"os-release": ROCKY, "redhat-release": "Rocky Linux release 9.4 (Blue Onyx)\n"},
            ("Rocky", "9.4", "9", "Blue Onyx", "RedHat", "/etc/redhat-release"),
        ),
        (
            {"os-release": ALPINE, "alpine-release": "3.20.3\n"},
            ("Alpine", "3.20.3", "3", "NA", "Alpine", "/etc/alpine-release"),
        ),
    ],
)
def test_distributions_have_ansibles_names(
    tmp_path: Path, files: dict[str, str], expected: tuple[str, ...]
) -> None:
    (tmp_path / "etc").mkdir()
    for name, text in files.items():
        (tmp_path / "etc" / name).write_text(text)
    found = distribution.read_distribution(str(tmp_path))
    names = ("", "_version", "_major_version", "_release")
    told = [found[f"distribution{name}"] for name in names]
    assert (*told, found["os_family"], found["distribution_file_path"]) == expected


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ('{"a": [1]}', 0o644, {"a": [1]}),
        ("[part]\nKey = value\n", 0o644, {"part": {"key": "value"}}),
        ("#!/bin/sh\necho '{\"b\": 2}'\n", 0o755, {"b": 2}),
        ("nonsense\n", 0o644, "error loading facts as JSON or ini - please check content: "),
        ("#!/bin/sh\necho no >&2; exit 3\n", 0o755, "Failure executing fact script ("),
    ],
)
def test_the_hosts_owner_has_facts_too(tmp_path: Path, text: str, mode: int, expected: object) -> None:
    path = tmp_path / "mine.fact"
    path.write_text(text)
    path.chmod(mode)
    found = local.read_local_facts(str(tmp_path))["local"]["mine"]
    assert found.startswith(expected) if isinstance(expected, str) else found == expected
