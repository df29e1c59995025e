"""How variables, ssh's options and ~/.ssh/config become a connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paramiko
import pytest

from kprov.errors import InputError, PreflightError
from kprov.transport.options.host_options import Become, Options
from kprov.transport.options.variables import read_options
from kprov.transport.ssh import host_keys

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 42 + "A"


def options(config: str = "", **variables: Any) -> Options:
    parsed = paramiko.SSHConfig.from_text(config)
    return read_options("node1", variables, config=parsed)


def test_ansibles_variables() -> None:
    found = options(
        ansible_host="10.0.0.1", ansible_port="2222", ansible_user="deb", ansible_ssh_private_key_file="/k"
    )
    assert (found.address, found.port, found.user, found.keys) == ("10.0.0.1", 2222, "deb", ("/k",))


def test_sshs_own_arguments() -> None:
    found = options(
        ansible_ssh_common_args="-o UserKnownHostsFile=/h -o StrictHostKeyChecking=accept-new -J me@jump:23 -i /k"
    )
    assert (found.known_hosts[0], found.host_key_checking, found.keys) == ("/h", "accept-new", ("/k",))
    assert [(hop.user, hop.address, hop.port) for hop in found.jumps] == [("me", "jump", 23)]


def test_the_users_configuration_gives_way_to_the_inventory() -> None:
    config = "Host node1\n HostName 10.9.9.9\n User conf\n Port 24\n ProxyJump bastion\nHost bastion\n User jumper\n"
    found = options(config, ansible_user="inv")
    assert (found.address, found.user, found.port) == ("10.9.9.9", "inv", 24)
    assert (found.jumps[0].address, found.jumps[0].user) == ("bastion", "jumper")


@pytest.mark.parametrize(
    "variables",
    [{"ansible_port": "x"}, {"ansible_connection": "winrm"}, {"kprov_host_key_checking": "maybe"}],
)
def test_what_is_wrong_names_its_variable(variables: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(variables))):
        options(**variables)


def test_a_password_is_in_no_representation() -> None:
    assert "secret" not in repr(options(ansible_password="secret")) + repr(Become(password="secret"))


def test_a_changed_host_key_shows_both_fingerprints_and_the_line(tmp_path: Path) -> None:
    old, new = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    known = tmp_path / "known"
    known.write_text(f"# mine\n10.0.0.1 {old.get_name()} {old.get_base64()}\n")
    host = options(ansible_host="10.0.0.1", ansible_ssh_common_args=f"-o UserKnownHostsFile={known}")
    host_keys.check_host_key(host, old, host_keys.known_keys(host))
    with pytest.raises(PreflightError) as caught:
        host_keys.check_host_key(host, new, host_keys.known_keys(host))
    assert f"{known}:2" in str(caught.value)
    assert str(caught.value).count("SHA256:") == 2


def test_accept_new_remembers_and_yes_refuses(tmp_path: Path) -> None:
    key, known = paramiko.ECDSAKey.generate(), tmp_path / "known"
    args = f"-o UserKnownHostsFile={known}"
    with pytest.raises(PreflightError, match="not known"):
        host_keys.check_host_key(
            options(ansible_ssh_common_args=args, kprov_host_key_checking="yes"), key, []
        )
    host = options(ansible_ssh_common_args=args, kprov_host_key_checking="accept-new")
    host_keys.check_host_key(host, key, host_keys.known_keys(host))
    assert host_keys.known_keys(host)[0].blob == key.asbytes()
