"""Connections of a run: one for each host, opened when needed, with one agent for each user."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import paramiko

from kprov.errors import ConnectionLostError, UnreachableError
from kprov.transport import clock
from kprov.transport.agent import become as become_lines
from kprov.transport.agent import raw_command, session, streams
from kprov.transport.agent import start as agent_start
from kprov.transport.agent.become_dialog import TerminalNeededError
from kprov.transport.agent.channel import AgentChannel, Stream
from kprov.transport.options.host_options import Become, Options
from kprov.transport.ssh import connection as ssh_connection
from kprov.transport.ssh.paramiko_transport import Transport

#: Called with a host and a message for the waiting user.
Notice = Callable[[str, str], None]
T = TypeVar("T")
#: Seconds to keep trying to reconnect; a restarted sshd is back by then.
RECONNECT = 15.0
#: Seconds that agents have to exit.
_GOODBYE = 3.0
_WARNING = threading.Lock()
_LOG = logging.getLogger("kprov.transport")


class Connection:
    """The connection to one host; `warned` are the warnings that the user has seen."""

    def __init__(self, options: Options, notice: Notice, warned: set[str]) -> None:
        self.options = options
        self._notice = notice
        self._warned = warned
        #: Transports with their jump hosts; several if the host limits the sessions of one connection.
        self._chains: list[list[Transport]] = []
        self._sessions: dict[Become | None, session.Session] = {}
        self._terminal = False
        self._closed = False
        self._lock = threading.RLock()

    def agent(self, become: Become | None = None) -> session.Session:
        """Return the agent that runs as this user (None: the login user). It is started on first use."""
        with self._lock:
            if become is not None and self.is_login_user(become):
                become = None
            known_session = self._sessions.get(become)
            if known_session is None:

                def opener(name: str, lost: AgentChannel | None) -> tuple[AgentChannel, dict[str, Any]]:
                    return self._open(become, name, lost)

                known_session = self._sessions[become] = session.Session(
                    self.options.name, opener, self._notice
                )
            return known_session

    def is_login_user(self, become: Become) -> bool:
        """Whether the login user is that user already."""
        if self.options.local:
            return become.user == "root" and os.geteuid() == 0
        return self.options.user == become.user

    def _open(
        self, become: Become | None, name: str, lost: AgentChannel | None
    ) -> tuple[AgentChannel, dict[str, Any]]:
        """Start an agent. After a lost one, retry for RECONNECT seconds, or for a longer ansible_timeout."""
        if lost is not None:
            self._forget(lost)
        until = time.monotonic() + max(RECONNECT, self.options.timeout)
        while True:
            try:
                return self._start_agent(become, name)
            except UnreachableError:
                if lost is None or self._closed or time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def _start_agent(self, become: Become | None, name: str) -> tuple[AgentChannel, dict[str, Any]]:
        python = self.options.python

        def line(*, terminal: bool) -> str:
            return become_lines.agent_command(python, become, name, terminal=terminal)

        def hello(channel: AgentChannel) -> dict[str, Any]:
            return agent_start.start_agent(
                channel, self.options.name, become, python, timeout=self.options.timeout
            )

        agent_channel, greeting = self._start_program(become, line, hello)
        self._check_clock(greeting["skew"])
        return agent_channel, greeting

    def bare(self, become: Become | None, script: str, shell: str) -> raw_command.CommandResult:
        """Run a script in a shell of the host, without an agent. Raises PreflightError, UnreachableError."""
        if become is not None and self.is_login_user(become):
            become = None
        mark = f"kprov-{uuid.uuid4().hex}"

        def line(*, terminal: bool) -> str:
            return become_lines.script_command(script, shell, become, mark, terminal=terminal)

        agent_channel, ended = self._start_program(
            become,
            line,
            lambda agent_channel: raw_command.run_raw(
                agent_channel, self.options.name, become, mark, timeout=self.options.timeout
            ),
        )
        agent_channel.stream.close()
        return ended

    def _start_program(
        self, become: Become | None, line: Callable[..., str], enter: Callable[[AgentChannel], T]
    ) -> tuple[AgentChannel, T]:
        """Start a program and call `enter` on its channel; use a terminal if the host requires one.

        If the connection ends before that, no task has started: retry once.
        """
        terminal = self._terminal or become_lines.requires_terminal(become)
        cut = False
        while True:
            try:
                return self._try_start(line(terminal=terminal), enter, terminal=terminal)
            except TerminalNeededError as error:
                if terminal:
                    raise UnreachableError(self.options.name, str(error)) from None
                self._terminal = terminal = True
            except ConnectionLostError:
                if cut or self._closed:
                    raise
                cut = True

    def _try_start(
        self, line: str, enter: Callable[[AgentChannel], T], *, terminal: bool
    ) -> tuple[AgentChannel, T]:
        options = self.options
        stream = self._stream(line, terminal=terminal)
        agent_channel = AgentChannel(stream, interval=options.alive_interval, count=options.alive_count)
        try:
            return agent_channel, enter(agent_channel)
        except BaseException:
            stream.close()
            raise

    def _check_clock(self, skew: float) -> None:
        """Warn once that a host's clock is wrong."""
        text = clock.skew_warning(skew)
        if text is not None:
            self._warn_once(text, about=self.options.name)

    def _warn_once(self, text: str, *, about: str = "") -> None:
        """Warn unless another connection of the run has warned about the same text or `about`."""
        with _WARNING:
            if (about or text) in self._warned:
                return
            self._warned.add(about or text)
        self._notice(self.options.name, text)

    def _stream(self, line: str, *, terminal: bool) -> Stream:
        if self.options.local:
            return streams.ProcessStream(line, terminal=terminal)
        try:
            channel = self._channel()
            if terminal:
                channel.get_pty("dumb")
            channel.exec_command(line)
        except (paramiko.SSHException, EOFError, OSError) as error:
            text = str(error) or "the host closed the connection"
            if isinstance(error, paramiko.ChannelException):
                text = f"sshd rejects a session ({error.text}); see MaxSessions in its sshd_config"
                raise UnreachableError(
                    self.options.name, f"cannot run a command on the host: {text}"
                ) from None
            raise ConnectionLostError(
                self.options.name, f"cannot run a command on the host: {text}"
            ) from None
        return streams.ChannelStream(channel)

    def _channel(self) -> paramiko.Channel:
        """Open a session, on a new connection if the host allows no more on the open ones."""
        with self._lock:
            for chain in [chain for chain in self._chains if not chain[-1].is_active()]:
                self._close_chain(chain)
            for chain in self._chains:
                with contextlib.suppress(paramiko.ChannelException):
                    return chain[-1].open_session(timeout=self.options.timeout)
            self._chains.append(ssh_connection.connect_chain(self.options, self._warn_once))
            return self._chains[-1][-1].open_session(timeout=self.options.timeout)

    def _forget(self, lost: AgentChannel) -> None:
        """Close the connection of a lost channel, unless only its program has ended."""
        stream = lost.stream
        with self._lock:
            if isinstance(stream, streams.ChannelStream) and not stream.ended():
                transport = stream.transport()
                for chain in [chain for chain in self._chains if transport in chain]:
                    self._close_chain(chain)
        stream.close()

    def end(self) -> None:
        """Tell all agents to exit."""
        self._closed = True
        for agent_session in list(self._sessions.values()):
            agent_session.end()

    def close(self, until: float | None = None) -> None:
        """End agents, wait for them until a monotonic time (default: _GOODBYE), close the connection."""
        self.end()
        if until is None:
            until = time.monotonic() + _GOODBYE
        with self._lock:
            for agent_session in self._sessions.values():
                agent_session.close(until - time.monotonic())
            self._sessions.clear()
            for chain in list(self._chains):
                self._close_chain(chain)

    def _close_chain(self, chain: list[Transport]) -> None:
        ssh_connection.close_chain(chain)
        self._chains.remove(chain)


class Connections:
    """All connections of a run; `options(host)` returns how to reach a host.

    `notice` gets a host and a message for a waiting user; without it they are logged.
    """

    def __init__(self, options: Callable[[str], Options], notice: Notice | None = None) -> None:
        self._options = options
        self._notice = notice or (lambda host, text: _LOG.warning("%s: %s", host, text))
        self._open: dict[str, Connection] = {}
        self._warned: set[str] = set()
        self._endings: set[Callable[[], None]] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` if the connections are closed during the block: it ends what else works for a host."""
        with self._lock:
            self._endings.add(end)
        try:
            yield
        finally:
            with self._lock:
                self._endings.discard(end)

    def get(self, host: str) -> Connection:
        """Return the connection of a host; a new one is not opened yet."""
        with self._lock:
            if host not in self._open:
                self._open[host] = Connection(self._options(host), self._notice, self._warned)
            return self._open[host]

    def drop(self, host: str) -> None:
        """Close and forget a connection, so that the next use opens a new one."""
        with self._lock:
            lost = self._open.pop(host, None)
        if lost is not None:
            lost.close()

    def close(self) -> None:
        """End all agents and close all connections."""
        with self._lock:
            closing = list(self._open.values())
            self._open.clear()
            endings = list(self._endings)
        for end in endings:
            end()
        for connection in closing:
            connection.end()
        until = time.monotonic() + _GOODBYE
        for connection in closing:
            connection.close(until)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
