"""Connections of a run: one a host, opened when needed, with an agent for every user asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import paramiko

from kprov.errors import UnreachableError
from kprov.transport import session, ssh, streams
from kprov.transport.options import Become, Options


class Connection:
    """One host."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._transports: list[paramiko.Transport] = []
        self._sessions: dict[Become | None, session.Session] = {}
        self._lock = threading.RLock()

    def agent(self, become: Become | None = None) -> session.Session:
        """The agent that runs as this user (None: the one that logs in); started when it is not running."""
        with self._lock:
            if become is not None and self._already(become):
                become = None
            found = self._sessions.get(become)
            if found is None:
                found = self._sessions[become] = self._start(become)
            return found

    def _already(self, become: Become) -> bool:
        """Root needs no sudo to be root."""
        import os

        if self.options.local:
            return become.user == "root" and os.geteuid() == 0
        return self.options.user == become.user

    def _start(self, become: Become | None) -> session.Session:
        line = session.command(self.options.python, become)
        stream: streams.ChannelStream | streams.ProcessStream
        if self.options.local:
            stream = streams.ProcessStream(line)
        else:
            try:
                channel = self._transport().open_session(timeout=self.options.timeout)
                channel.exec_command(line)
            except (paramiko.SSHException, EOFError, OSError) as error:
                raise UnreachableError(
                    self.options.name, f"cannot start a program on the host: {error}"
                ) from None
            stream = streams.ChannelStream(channel)
        try:
            started = session.Session(self.options.name, stream, become, self.options.python)
        except BaseException:
            stream.close()
            raise
        stream.started = True
        return started

    def _transport(self) -> paramiko.Transport:
        if not self._transports or not self._transports[-1].is_active():
            self._close_transports()
            self._transports = ssh.connect(self.options)
        return self._transports[-1]

    def close(self) -> None:
        """End agents and the connection."""
        with self._lock:
            for one in self._sessions.values():
                one.close()
            self._sessions.clear()
            self._close_transports()

    def _close_transports(self) -> None:
        for transport in reversed(self._transports):
            transport.close()
        self._transports = []


class Connections:
    """All connections of a run; `options(host)` says how a host is reached."""

    def __init__(self, options: Callable[[str], Options]) -> None:
        self._options = options
        self._open: dict[str, Connection] = {}
        self._lock = threading.Lock()

    def get(self, host: str) -> Connection:
        """The connection of a host, not opened yet when it is new."""
        with self._lock:
            if host not in self._open:
                self._open[host] = Connection(self._options(host))
            return self._open[host]

    def drop(self, host: str) -> None:
        """Forget a connection that was lost."""
        with self._lock:
            lost = self._open.pop(host, None)
        if lost is not None:
            lost.close()

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for connection in self._open.values():
                connection.close()
            self._open.clear()

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
