"""sysctl, modprobe, hostname: what is kept in files, without touching the kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.agent.modules import sysctl

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def kept(do: Do, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(**args: Any) -> dict[str, Any]:
        return do("sysctl", sysctl_file=str(tmp_path / "f"), reload=False, **args)

    return run


def test_a_value_is_written_once(kept: Do, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("# by hand\na.b = 1\nc=2\na.b=3\n")
    assert kept(name="a.b", value="5")["changed"]
    assert (tmp_path / "f").read_text() == "# by hand\na.b=5\nc=2\n"
    assert not kept(name="a.b", value=5)["changed"]
    assert kept(name="d", value=True)["changed"]
    assert (tmp_path / "f").read_text().endswith("d=1\n")
    assert kept(name="a.b", state="absent")["changed"]
    assert not kept(name="a.b", state="absent")["changed"]


def test_check_mode_writes_nothing(kept: Do, tmp_path: Path) -> None:
    assert kept(name="a", value="1", check=True)["changed"]
    assert not (tmp_path / "f").exists()


def test_a_blank_value_is_refused(kept: Do) -> None:
    assert kept(name="a", value="")["msg"] == "value cannot be blank"
    assert kept(name="a")["msg"] == "state is present but all of the following are missing: value"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.rp_filter", "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"),
        ("net/ipv4/conf/eth0.100/rp_filter", "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"),
    ],
)
def test_names_have_dots_or_slashes(name: str, path: str) -> None:
    assert sysctl._value_path(name) == path


def test_a_module_that_is_not_loaded_needs_no_unloading(do: Do) -> None:
    result = do("modprobe", name="kprov_none", state="absent")
    assert result == {"changed": False, "name": "kprov_none", "params": "", "state": "absent"}


def test_names_of_other_systems_are_refused(do: Do) -> None:
    assert "not for Linux hosts" in do("hostname", name="x", use="darwin")["msg"]
