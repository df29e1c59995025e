"""What dpkg's files say, and versions in Debian's and rpm's order."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.agent.apt import cache as apt_cache
from kprov.agent.apt import deb_files, package_state
from kprov.agent.apt import install as apt_install
from kprov.agent.context import ModuleError
from kprov.agent.dnf import command_line, rpm_database

STATUS = """\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.22
Description: manager
 Package: not this

Package: one
Status: hold ok installed
Architecture: all
Provides: virtual (= 2), other
Version: 1:1.0-1

Package: two
Status: deinstall ok config-files
Architecture: amd64
Version: 3

Package: lib
Status: install ok installed
Architecture: i386
Version: 3

Package: half
Status: install reinstreq half-installed
Architecture: amd64
Version: 3
"""


def test_packages_are_found_by_name_and_architecture() -> None:
    state = package_state.parse_database(STATUS)
    one = state.find("one")
    assert one is not None
    assert (one.version, one.want, one.installed) == ("1:1.0-1", "hold", True)
    assert state.native == "amd64"
    assert state.find("lib") is None
    assert state.find("lib:i386") is not None
    assert state.find("one:amd64") is one
    assert state.find("nothing") is None
    half, two = state.find("half"), state.find("two")
    assert half is not None
    assert not half.installed
    assert two is not None
    assert two.state == "config-files"
    assert [(package.name, version) for package, version in state.provided["virtual"]] == [("one", "2")]


def test_the_database_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "status"
    path.write_text(STATUS)
    first = package_state.read_database(str(path))
    assert package_state.read_database(str(path)) is first
    path.write_text(
        STATUS + "\nPackage: three\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    )
    assert package_state.read_database(str(path)).find("three") is not None


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0", "1.1"),
        ("1.9", "1.10"),
        ("1.0~rc1", "1.0"),
        ("1.0~rc1-1", "1.0-1"),
        ("1.0", "1.0-1"),
        ("1.0", "1.0a"),
        ("1.0a", "1.0+"),
        ("9", "1:0"),
        ("1.0-1", "1.0-1+deb13u1"),
        ("1.0-1~bpo12", "1.0-1"),
        ("1.0~~", "1.0~"),
        ("2.0-09", "2.0-10"),
    ],
)
def test_versions_of_debian(older: str, newer: str) -> None:
    assert package_state.compare_versions(older, newer) < 0
    assert package_state.compare_versions(newer, older) > 0
    assert package_state.compare_versions(newer, newer) == 0


def test_the_same_version_in_two_ways() -> None:
    assert package_state.compare_versions("0:1.00", "1.0") == 0
    assert package_state.satisfies("1.0", ">=", "1.0")
    assert not package_state.satisfies("1.0", ">>", "1.0")


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1.0", "1.1"), ("1.9", "1.10"), ("1.0~rc1", "1.0"), ("1.0", "1.0^1"), ("a", "1"), ("1", "1.0")],
)
def test_versions_of_rpm(older: str, newer: str) -> None:
    assert rpm_database.compare_versions(older, newer) < 0
    assert rpm_database.compare_versions(newer, older) > 0
    assert rpm_database.compare_versions(older, older) == 0


def test_relations_have_names_operators_and_versions() -> None:
    assert package_state.parse_relations("a (>= 1), b:any | c, d(<<2~)") == [
        ("a", ">=", "1"),
        ("b:any", "", ""),
        ("c", "", ""),
        ("d", "<<", "2~"),
    ]


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("a", ("a", "", "")),
        ("a=1:2", ("a", "=", "1:2")),
        ("a>=2", ("a", ">=", "2")),
        ("g++", ("g++", "", "")),
    ],
)
def test_names_with_versions_are_split(given: str, parts: tuple[str, str, str]) -> None:
    assert apt_install.split_package(given) == parts


POLICY = """\
nano:
  Installed: 1.0-1
  Candidate: 2.0-1
  Version table:
     2.0-1 500
        500 http://mirror.example.org/debian trixie/main amd64 Packages
 *** 1.0-1 100
        100 /var/lib/dpkg/status
virtual:
  Installed: (none)
  Candidate: (none)
  Version table:
"""


def test_the_best_version_is_the_candidate_or_the_newest_that_matches() -> None:
    found = apt_cache.parse_policies(POLICY)
    assert found["nano"].versions == ["2.0-1", "1.0-1"]
    assert found["virtual"].virtual
    assert apt_cache.find_best_version(found["nano"], "", "") == "2.0-1"
    assert apt_cache.find_best_version(found["nano"], "=", "1.*") == "1.0-1"
    assert apt_cache.find_best_version(found["nano"], "=", "3") is None


def test_a_package_file_that_is_not_there() -> None:
    with pytest.raises(ModuleError, match=r"Could not open file /none\.deb"):
        deb_files.read_fields("/none.deb")


PLAN = """\
Dependencies resolved.
================================================================
 Package    Arch      Version          Repository     Size
================================================================
Installing:
 tool       noarch    1.0-1            lab            10 k
Installing dependencies:
 lib        x86_64    2:2.0-1.fc40     lab            20 k
Removing:
 old        noarch    0:3-1            @System        30 k

Transaction Summary
================================================================
Install  2 Packages
"""


def test_what_dnf_plans_is_read_from_its_table() -> None:
    assert command_line.parse_plan(PLAN) == [
        "Installed: tool-1.0-1.noarch",
        "Installed: lib-2:2.0-1.fc40.x86_64",
        "Removed: old-3-1.noarch",
    ]
    assert command_line.find_missing("x\nNo match for argument: nope\nError") == ["nope"]


def test_an_installed_rpm_has_many_names() -> None:
    package = rpm_database.Package("bash", "0", "5.2", "1.el9", "x86_64")
    assert package.nevra == "bash-5.2-1.el9.x86_64"
    assert {"bash", "bash.x86_64", "bash-5.2", "bash-0:5.2-1.el9", "bash-5.2-1.el9.x86_64"} <= set(
        package.spec_forms()
    )
