"""Private key files that other users can read, and host keys that changed while checking is off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from kprov.errors import PreflightError
from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Options
from kprov.transport.ssh import connection as ssh_connection
from kprov.transport.ssh import host_keys

from .sshd import Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    found = Server()
    yield found
    found.close()


@pytest.fixture
def key(tmp_path: Path, server: Server) -> Path:
    """A key file with mode 0600 that the server accepts."""
    made = ed25519.Ed25519PrivateKey.generate()
    path = tmp_path / "key"
    form = serialization.PrivateFormat.OpenSSH
    path.write_bytes(
        made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()),
    )
    path.chmod(0o600)
    server.authorized.add(paramiko.Ed25519Key.from_private_key_file(str(path)).asbytes())
    return path


def connect(options: Options) -> list[str]:
    """Log in and out. Returns the warnings."""
    warnings: list[str] = []
    ssh_connection.close_chain(ssh_connection.connect_chain(options, warnings.append))
    return warnings


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604])
def test_a_key_file_open_to_others_is_ignored_as_ssh_does(server: Server, key: Path, mode: int) -> None:
    options = server.options(public_keys=True, password=None, keys=(str(key),))
    key.chmod(mode)
    with pytest.raises(PreflightError) as caught:
        connect(options)
    assert f"the private key {key} is ignored" in str(caught.value)
    assert f"mode {mode:04o}" in str(caught.value)
    assert f"chmod 600 {key}" in str(caught.value)
    assert server.logins == []
    key.chmod(0o400)
    assert connect(options) == []


def test_an_ignored_key_is_a_warning_when_something_else_logs_in(server: Server, key: Path) -> None:
    key.chmod(0o644)
    (warning,) = connect(server.options(public_keys=True, keys=(str(key),)))
    assert f"the private key {key} is ignored" in warning
    assert f"chmod 600 {key}" in warning


def test_several_hosts_with_one_ignored_key_warn_once(server: Server, key: Path) -> None:
    key.chmod(0o644)
    options = server.options(public_keys=True, keys=(str(key),))
    heard: list[str] = []
    with Connections(lambda _: options, lambda host, text: heard.append(f"{host}: {text}")) as made:
        for host in ("node1", "node2"):
            assert made.get(host).agent().run("command", [{"args": {"cmd": "true"}}])[0]["rc"] == 0
    assert len(server.logins) == 2
    assert len([text for text in heard if "is ignored" in text]) == 1


def changed(server: Server, tmp_path: Path) -> tuple[str, ...]:
    """A known_hosts file with another key of the server."""
    old, known = paramiko.ECDSAKey.generate(), tmp_path / "known"
    known.write_text(f"{host_keys.host_label(server.options())} {old.get_name()} {old.get_base64()}\n")
    return (str(known),)


def test_a_changed_key_warns_when_checking_is_off(server: Server, key: Path, tmp_path: Path) -> None:
    known = changed(server, tmp_path)
    before = Path(known[0]).read_text()
    options = server.options(public_keys=True, password=None, keys=(str(key),), known_hosts=known)
    (warning,) = connect(options)
    assert "has changed" in warning
    assert f"{known[0]}:1" in warning
    assert host_keys.fingerprint(server.key.asbytes()) in warning
    assert "ssh-keygen" in warning
    assert Path(known[0]).read_text() == before


def test_a_host_with_a_changed_key_gets_no_password(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match=r"password \(not sent, because the host key has changed\)"):
        connect(server.options(known_hosts=changed(server, tmp_path)))
    assert server.logins == []


def test_an_unknown_key_is_added_when_checking_is_off(server: Server, tmp_path: Path) -> None:
    known = tmp_path / "ssh" / "known"
    options = server.options(known_hosts=(str(known),))
    assert connect(options) == []
    assert server.key.get_base64() in known.read_text()
    assert connect(server.options(known_hosts=(str(known),), host_key_checking="yes")) == []
