"""The role's work on each host: the checks that the scenario names, its file, unit and package."""

from __future__ import annotations

import os
import shlex

from testinfra.host import Host

from kprov.testing import assert_checks

INVENTORY = os.environ["KPROV_MOLECULE_INVENTORY"]
CHECKS = shlex.split(os.environ["ROLE_CHECKS"])
FILE = os.environ["ROLE_FILE"]
UNIT = os.environ["ROLE_UNIT"]
PACKAGE = os.environ["ROLE_PACKAGE"]


def test_the_checks_of_the_role_pass(host: Host) -> None:
    if CHECKS:
        assert_checks(host, inventory=INVENTORY, checks=CHECKS)


def test_the_file_is_as_the_role_wrote_it(host: Host) -> None:
    if FILE:
        file = host.file(FILE)
        assert file.exists
        assert "changed by hand" not in file.content_string


def test_the_unit_runs(host: Host) -> None:
    if UNIT:
        assert host.service(UNIT).is_running


def test_the_package_is_installed(host: Host) -> None:
    if PACKAGE:
        assert host.package(PACKAGE).is_installed
