"""Values that a role would only fail on when it is on the hosts are refused in the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.errors import InputError
from kprov.inventory.cluster import validate
from kprov.inventory.load import load

DATA = Path(__file__).with_name("data")


def problem_of(folder: Path, name: str, value: Any) -> str:
    """What is said of an inventory with this variable; "" for nothing."""
    (folder / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").write_text(yaml.safe_dump({name: value}))
    try:
        validate(load(folder))
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("haproxy_check_interval", "3 s", "must be a time above 0, such as 750ms or 3s, not '3 s'"),
        ("haproxy_check_interval", "0s", "must be a time above 0"),
        ("haproxy_connect_timeout", "fast", "must be a time above 0"),
        ("haproxy_dead_host_timeout", -1, "must be a time above 0"),
        ("haproxy_check_fall", 0, "must be 1 or more, not 0"),
    ],
)
def test_a_value_that_is_wrong_is_refused(tmp_path: Path, name: str, value: Any, words: str) -> None:
    said = problem_of(tmp_path, name, value)
    assert "group_vars/all.yml:1" in said
    assert name in said
    assert words in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("haproxy_check_interval", "2500ms"), ("haproxy_session_timeout", 7200000), ("haproxy_check_fall", 5)],
)
def test_a_value_that_is_right_is_taken(tmp_path: Path, name: str, value: Any) -> None:
    assert problem_of(tmp_path, name, value) == ""
