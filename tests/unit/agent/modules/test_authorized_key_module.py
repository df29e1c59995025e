"""authorized_key and known_hosts: lines of keys."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ME = pwd.getpwuid(os.getuid()).pw_name
ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF1SWYbTrkhQzTM/y+YONoRo2SFDhAfTDcCOgHObpTM6"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF5hh0HKCQcTKwcNRVICFz+h2MSHnomIBr5zWpwCWUIP"
Do = Callable[..., dict[str, Any]]


@pytest.fixture
def key(do: Do, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(**args: Any) -> dict[str, Any]:
        return do("authorized_key", user=ME, path=str(tmp_path / "keys"), manage_dir=False, **args)

    return run


def test_a_key_is_added_once_and_what_is_there_stays(key: Do, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"# by hand\n{ONE} one\nnonsense\n")
    assert not key(key=f"{ONE} one")["changed"]
    assert key(key=f"{TWO} two")["changed"]
    assert (tmp_path / "keys").read_text() == f"# by hand\n{ONE} one\nnonsense\n{TWO} two\n"
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_options_and_comments_belong_to_a_key(key: Do, tmp_path: Path) -> None:
    key(key=f"{ONE} one")
    options = 'no-pty,from="10.0.0.0/8,192.168.0.0/16"'
    assert key(key=f"{ONE} one", key_options=options)["changed"]
    assert not key(key=f"{ONE} one", key_options=options)["changed"]
    assert key(key=f"{options} {ONE} one", comment="two")["changed"]
    assert (tmp_path / "keys").read_text() == f"{options} {ONE} two\n"


def test_exclusive_keys_are_alone_and_absent_ones_go(key: Do, tmp_path: Path) -> None:
    key(key=f"{ONE} one\n{TWO} two")
    assert key(key=f"{TWO} two", exclusive=True)["changed"]
    assert (tmp_path / "keys").read_text() == f"{TWO} two\n"
    assert key(key=TWO, state="absent")["changed"]
    assert not key(key=TWO, state="absent")["changed"]


def test_check_mode_shows_the_difference_only(key: Do, tmp_path: Path) -> None:
    result = key(key=f"{ONE} one", check=True, diff=True)
    assert (result["changed"], result["diff"]["after"]) == (True, f"{ONE} one\n")
    assert not (tmp_path / "keys").exists()


def test_what_is_no_key_is_refused(key: Do) -> None:
    assert key(key="nonsense")["msg"] == "invalid key specified: nonsense"
    assert "lookup('url'" in key(key="https://example.com/me.keys")["msg"]


@pytest.fixture
def known(do: Do, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(**args: Any) -> dict[str, Any]:
        return do("known_hosts", path=str(tmp_path / "known"), **args)

    return run


def test_a_host_has_one_key_of_each_type(known: Do, tmp_path: Path) -> None:
    assert known(name="Host.Example", key=f"host.example {ONE}")["changed"]
    assert not known(name="host.example", key=f"host.example {ONE} comment")["changed"]
    assert known(name="host.example", key=f"host.example {TWO}")["changed"]
    assert (tmp_path / "known").read_text() == f"host.example {TWO}\n"
    assert known(name="host.example", key=f"host.example {TWO}", state="absent")["changed"]
    assert (tmp_path / "known").read_text() == ""


def test_a_hashed_host_is_found_again(known: Do, tmp_path: Path) -> None:
    assert known(name="host.example", key=f"host.example {ONE}", hash_host=True)["changed"]
    assert "host.example" not in (tmp_path / "known").read_text()
    assert not known(name="host.example", key=f"host.example {ONE}", hash_host=True)["changed"]
    assert known(name="other.example", key=f"other.example {ONE}", hash_host=True)["changed"]


def test_a_key_of_another_host_is_refused(known: Do) -> None:
    result = known(name="host.example", key=f"other.example {ONE}")
    assert result["msg"] == "Host parameter does not match hashed host field in supplied key"
    assert "Comma separated" in known(name="a,b", key=f"a,b {ONE}")["msg"]
