"""ssh's command lines, configuration files and known_hosts files, read as OpenSSH reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import paramiko
import pytest

from kprov.errors import InputError, PreflightError
from kprov.transport.agent import become
from kprov.transport.options import ssh_arguments
from kprov.transport.options.host_options import Become, Options
from kprov.transport.options.ssh_config import load_config
from kprov.transport.options.variables import read_options
from kprov.transport.ssh import host_keys


def options(arguments: str, config: str = "", **variables: Any) -> Options:
    parsed = paramiko.SSHConfig.from_text(config)
    return read_options("node1", {"ansible_ssh_common_args": arguments, **variables}, config=parsed)


def test_a_proxy_command_with_w_is_a_jump_host() -> None:
    command = "ssh -F none -o StrictHostKeyChecking=no -W %h:%p -p 2222 ubuntu@10.0.0.9 -i /k"
    found = options(f"-o ProxyCommand='{command}'")
    (hop,) = found.jumps
    assert (hop.user, hop.address, hop.port, hop.keys, hop.host_key_checking) == (
        "ubuntu",
        "10.0.0.9",
        2222,
        ("/k",),
        "no",
    )
    assert found.proxy_command is None


def test_other_proxy_commands_are_programs() -> None:
    found = options("-o 'ProxyCommand=nc -x proxy:1080 %h %p'", ansible_host="10.1.1.1")
    assert found.proxy_command == "nc -x proxy:1080 10.1.1.1 22"


def test_a_chain_of_jump_hosts_takes_the_hosts_keys() -> None:
    found = options("-J a,root@b:23", ansible_ssh_private_key_file="/k", ansible_user="u")
    assert [(hop.address, hop.port, hop.keys) for hop in found.jumps] == [
        ("a", 22, ("/k",)),
        ("b", 23, ("/k",)),
    ]


def test_jump_hosts_of_jump_hosts_come_first() -> None:
    config = "Host node1\n ProxyJump inner\nHost inner\n ProxyJump outer\n"
    assert [hop.address for hop in options("", config).jumps] == ["outer", "inner"]


@pytest.mark.parametrize(
    "arguments", ["-o Ciphers=none", "-Z", "-L 80:a:80", "-o", "stray", "-o ServerAliveInterval=x"]
)
def test_what_cannot_be_done_is_refused(arguments: str) -> None:
    with pytest.raises(InputError):
        options(arguments)


def test_what_only_opensshs_client_needs_is_passed_over() -> None:
    found = options("-C -o ControlMaster=auto -o ControlPersist=60s -o 'ServerAliveInterval 7' -tt")
    assert found.alive_interval == 7


def test_a_command_ends_where_its_program_begins() -> None:
    found = ssh_arguments.parse_command(["-p", "23", "host", "-v", "nc", "-p", "9"], field="x")
    assert (found.settings, found.destination, found.program) == ({"port": "23"}, "host", "nc -p 9")


def test_included_files(tmp_path: Path) -> None:
    (tmp_path / "one.conf").write_text("Host a\n  User one\n")
    (tmp_path / "config").write_text(f"Include {tmp_path}/*.conf\nPort 24\n")
    found = read_options("a", {"ansible_ssh_args": f"-F {tmp_path}/config"})
    assert (found.user, found.port) == ("one", 24)
    (tmp_path / "config").write_text(f"Host b\nInclude {tmp_path}/*.conf\n")
    with pytest.raises(InputError, match="config:2"):
        load_config(str(tmp_path / "config"))


def entry(tmp_path: Path, line: str, port: int = 22) -> list[host_keys.KnownHost]:
    (tmp_path / "known").write_text(line + "\n")
    return host_keys.known_keys(
        Options(name="n", address="db1.example.com", port=port, known_hosts=(str(tmp_path / "known"),))
    )


@pytest.mark.parametrize(
    ("names", "port", "fits"),
    [
        ("db1.example.com,10.0.0.1", 22, True),
        ("*.Example.com", 22, True),
        ("*.example.com,!db1.example.com", 22, False),
        ("db?.example.com", 22, True),
        ("[db1.example.com]:2222", 2222, True),
        ("[db1.example.com]:2222", 22, False),
        ("db1.example.com", 2222, False),
        (paramiko.HostKeys.hash_host("db1.example.com"), 22, True),
    ],
)
def test_names_in_known_hosts(tmp_path: Path, names: str, port: int, *, fits: bool) -> None:
    assert bool(entry(tmp_path, f"{names} ssh-ed25519 AAAA", port)) is fits


def test_marked_lines_are_not_keys_of_the_host(tmp_path: Path) -> None:
    key = paramiko.ECDSAKey.generate()
    line = f"db1.example.com {key.get_name()} {key.get_base64()}"
    host = Options(name="n", address="db1.example.com", host_key_checking="yes")
    host_keys.check_host_key(host, key, entry(tmp_path, line))
    with pytest.raises(PreflightError, match="revoked"):
        host_keys.check_host_key(host, key, entry(tmp_path, f"{line}\n@revoked {line}"))
    with pytest.raises(PreflightError, match="authority"):
        host_keys.check_host_key(host, key, entry(tmp_path, f"@cert-authority {line}"))


@pytest.mark.parametrize(
    ("who", "begin"),
    [
        (Become(), "exec sudo -H -n -u root -- python3 -I"),
        (Become(password="p", flags="-E -n"), "exec sudo -E -S -p "),
        (Become(method="doas", exe="doas", user="u"), "exec doas -n -u u python3 -I"),
        (
            Become(method="su", exe="su", flags="-l", user="u"),
            "exec env LC_ALL=C su -l u -c 'exec python3 -I",
        ),
    ],
)
def test_lines_that_become_another_user(who: Become, begin: str) -> None:
    assert become.agent_command("python3", who, "s").startswith(begin)
    assert become.agent_command("python3", who, "s", terminal=True).startswith("stty raw -echo; " + begin)


def test_match_exec_runs_its_command(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text('Match host a exec "test -e /"\n  User yes\nMatch host b exec "test -e /no"\n  User no\n')
    # In a process of its own, since invoke leaves pipes to the collector.
    code = "import sys; from kprov.transport.options import ssh_config, variables; config = ssh_config.load_config(sys.argv[1]); "
    code += "print(*(variables.read_options(name, {}, config=config).user for name in 'ab'))"
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    first, second = done.stdout.split()
    assert first == "yes"
    assert second != "no"


def test_what_match_exec_needs_is_not_loaded_for_others() -> None:
    code = "import sys, kprov.transport.ssh.connection; print('invoke' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
