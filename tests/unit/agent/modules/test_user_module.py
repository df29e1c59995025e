"""user and group: what differs from the accounts that are here; nothing is changed."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable
from typing import Any

import pytest

from kprov.agent.modules import user

ROOT = pwd.getpwnam("root")
Do = Callable[..., dict[str, Any]]


def test_a_user_with_the_requested_properties_does_not_change(do: Do) -> None:
    result = do("user", name="root", uid=0, group="0", shell=ROOT.pw_shell, comment=ROOT.pw_gecos, check=True)
    assert not result["changed"]
    assert (result["uid"], result["home"], result["append"]) == (0, ROOT.pw_dir, False)


def test_a_user_that_differs_would_be_changed(do: Do) -> None:
    assert do("user", name="root", comment="another", check=True)["changed"]


def test_a_user_that_is_not_there_would_be_made(do: Do) -> None:
    assert do("user", name="kprov-nobody", check=True) == {"changed": True}
    assert not do("user", name="kprov-nobody", state="absent")["changed"]


def test_a_group_that_is_not_there_is_an_error(do: Do) -> None:
    result = do("user", name="root", group="kprov-nobody", check=True)
    assert (result["failed"], result["msg"]) == (True, "Group kprov-nobody does not exist")


def test_arguments_for_other_systems_are_refused(do: Do) -> None:
    assert "has no effect on Linux" in do("user", name="root", hidden=True, check=True)["msg"]
    assert "leave it out" in do("user", name="root", local=True, check=True)["msg"]


@pytest.mark.parametrize(
    ("password", "lock", "now", "options"),
    [
        (None, True, "$6$x", ["-L"]),
        (None, True, "!$6$x", []),
        (None, False, "!$6$x", ["-U"]),
        ("$6$y", None, "$6$x", ["-p", "$6$y"]),
        ("$6$x", None, "!$6$x", []),
        ("$6$y", True, "$6$x", ["-p", "!$6$y"]),
    ],
)
def test_password_and_lock_are_one_change(
    password: str | None, lock: bool | None, now: str, options: list[str]
) -> None:
    args = {"password": password, "password_lock": lock, "update_password": "always"}
    assert user._password_options(args, now) == options


@pytest.mark.parametrize(
    ("wanted", "days", "options"),
    [
        (-1, -1, []),
        (-1, 20000, ["-e", ""]),
        (86400.0 * 20000, 20000, []),
        (86400.0 * 20001, 20000, ["-e", "2024-10-05"]),
        (86400.0, -1, ["-e", "1970-01-02"]),
    ],
)
def test_an_account_expires_on_a_day_or_never(wanted: float, days: int, options: list[str]) -> None:
    assert user._expiry_options(wanted, days) == options


@pytest.mark.parametrize(
    ("password", "hashed"), [("$6$salt$" + "a" * 86, True), ("secret", False), ("$6$salt$short", False)]
)
def test_a_password_that_is_no_hash_is_warned_about(password: str, hashed: bool) -> None:
    assert user._is_hashed(password) is hashed


def test_groups_are_compared_with_those_that_are_here(do: Do) -> None:
    gid = grp.getgrnam("root").gr_gid
    assert not do("group", name="root", gid=gid)["changed"]
    assert do("group", name="root", gid=gid + 4242, check=True)["changed"]
    assert do("group", name="kprov-nobody", check=True) == {"changed": True}
    assert not do("group", name="kprov-nobody", state="absent")["changed"]
    assert do("group", name="root", non_unique=True)["failed"]
