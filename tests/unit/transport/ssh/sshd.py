"""An SSH server in this process: users log in with a password or a key; commands run here in a shell."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import threading
from typing import IO, Any

import paramiko

from kprov.transport.options.host_options import Options

_KEY = paramiko.ECDSAKey.generate()


class _Rules(paramiko.ServerInterface):
    def __init__(self, server: Server) -> None:
        self._server = server

    def check_auth_password(self, username: str, password: str) -> int:
        self._server.logins.append(username)
        return paramiko.common.AUTH_SUCCESSFUL if password == "right" else paramiko.common.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._server.logins.append(username)
        accepted = key.asbytes() in self._server.authorized
        return paramiko.common.AUTH_SUCCESSFUL if accepted else paramiko.common.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if command == b"sum":
            threading.Thread(target=self._summed, args=(channel,), daemon=True).start()
        else:
            threading.Thread(target=self._run, args=(channel, command), daemon=True).start()
        return True

    @staticmethod
    def _run(channel: paramiko.Channel, command: bytes) -> None:
        # Unbuffered: closing a buffer writes what a program that has ended did not read, and fails.
        with subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as process:
            threading.Thread(target=_copy_input, args=(channel, process.stdin), daemon=True).start()
            assert process.stdout is not None
            while part := os.read(process.stdout.fileno(), 65536):
                channel.sendall(part)
        channel.send_exit_status(process.returncode)
        channel.close()

    @staticmethod
    def _summed(channel: paramiko.Channel) -> None:
        summed = hashlib.sha256()
        while part := channel.recv(65536):
            summed.update(part)
        channel.sendall(summed.hexdigest().encode())
        channel.send_exit_status(0)
        channel.close()


def _copy_input(channel: paramiko.Channel, to: IO[bytes]) -> None:
    # The program may end, and its input be closed, before all of it has come.
    with contextlib.suppress(OSError, ValueError):
        while part := channel.recv(65536):
            to.write(part)
            to.flush()
        to.close()


class Server:
    """It listens on loopback until `close`; `logins` are the users that tried, `peers` their connections.

    `authorized` are public keys that may log in, as they travel; `key` is the host key.
    """

    key = _KEY

    def __init__(self, *, ciphers: tuple[str, ...] = ("aes128-gcm@openssh.com",)) -> None:
        self.logins: list[str] = []
        self.authorized: set[bytes] = set()
        self.peers: list[paramiko.Transport] = []
        self._ciphers = ciphers
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            transport = paramiko.Transport(peer)
            transport.get_security_options().ciphers = self._ciphers
            transport.add_server_key(_KEY)
            self.peers.append(transport)
            transport.start_server(threading.Event(), _Rules(self))

    def options(self, **changes: Any) -> Options:
        """How its user is reached."""
        fields: dict[str, Any] = {
            "user": "somebody",
            "password": "right",
            "known_hosts": (),
            "host_key_checking": "no",
        }
        address: dict[str, Any] = {
            "name": "node1",
            "address": "127.0.0.1",
            "port": self._listening.getsockname()[1],
        }
        return Options(**{**address, **fields, "public_keys": False, **changes})

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for peer in self.peers:
            peer.close()


def summed(transport: paramiko.Transport, data: bytes) -> bool:
    """Whether a program on the other side got all of this."""
    from kprov.transport.agent.streams import ChannelStream

    channel = transport.open_session(timeout=5)
    channel.exec_command("sum")
    ChannelStream(channel).send(data, 10)
    channel.shutdown_write()
    channel.settimeout(10)
    said = b""
    while part := channel.recv(100):
        said += part
    channel.close()
    return said.decode() == hashlib.sha256(data).hexdigest()
