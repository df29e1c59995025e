"""ansible.builtin.wait_for: a port or a file."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import select
import socket
import struct
import time
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths

#: Codes of connection states in /proc/net/tcp.
_STATES = {
    "ESTABLISHED": "01", "SYN_SENT": "02", "SYN_RECV": "03", "FIN_WAIT1": "04", "FIN_WAIT2": "05",
    "TIME_WAIT": "06",
}  # fmt: skip
ARGUMENTS: dict[str, dict[str, Any]] = {
    "host": {"default": "127.0.0.1"},
    "timeout": {"type": "int", "default": 300},
    "connect_timeout": {"type": "int", "default": 5},
    "delay": {"type": "int", "default": 0},
    "port": {"type": "int"},
    "active_connection_states": {"type": "list", "elements": "str", "default": sorted(_STATES)},
    "path": {"type": "path"},
    "search_regex": {},
    "state": {"choices": ["absent", "drained", "present", "started", "stopped"], "default": "started"},
    "exclude_hosts": {"type": "list", "elements": "str"},
    "sleep": {"type": "int", "default": 1},
    "msg": {},
}
RULES: dict[str, Any] = {"check_mode": False}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Wait until a port opens, closes or drains, or until a file appears, vanishes or matches a pattern."""
    pattern = _check_arguments(args)
    state, port, path = args["state"], args["port"], args["path"]
    start = time.monotonic()
    end = start + args["timeout"]
    time.sleep(args["delay"])
    match: re.Match[Any] | None = None
    if not port and not path and state != "drained":
        time.sleep(args["timeout"])
    else:
        is_met = _make_condition(args, pattern, end)
        while True:
            if time.monotonic() >= end:
                raise ModuleError(
                    args["msg"] or _timeout_message(args), elapsed=int(time.monotonic() - start)
                )
            outcome = is_met()
            if outcome:
                match = outcome if isinstance(outcome, re.Match) else None
                break
            time.sleep(args["sleep"])
    result = {"changed": False, "state": state, "port": port, "path": path}
    result.update(search_regex=args["search_regex"], elapsed=int(time.monotonic() - start))
    groups = match.groups() if match and path else ()
    named_groups = match.groupdict() if match and path else {}
    result["match_groups"] = [_decode(group) for group in groups]
    result["match_groupdict"] = {name: _decode(group) for name, group in named_groups.items()}
    return {**result, **_path_info(path)} if path else result


def _path_info(path: str) -> dict[str, Any]:
    return paths.path_info(path)


def _decode(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "surrogateescape")


def _check_arguments(args: dict[str, Any]) -> re.Pattern[bytes] | None:
    state, path = args["state"], args["path"]
    pattern = None
    if args["search_regex"] is not None:
        try:
            data = args["search_regex"].encode("utf-8", "surrogateescape")
            pattern = re.compile(data, re.MULTILINE)
        except re.error as error:
            raise ModuleError(f"Invalid regular expression: {error}") from None
    errors = {
        "port and path parameter can not both be passed to wait_for": args["port"] and path,
        **{
            f"state={only} should only be used for checking a port in the wait_for module": path
            and state == only
            for only in ("stopped", "drained")
        },
        "exclude_hosts should only be with state=drained": args["exclude_hosts"] is not None
        and state != "drained",
        **{
            f"unknown active_connection_state ({name}) defined": name not in _STATES
            for name in args["active_connection_states"]
        },
    }
    for text, is_wrong in errors.items():
        if is_wrong:
            raise ModuleError(text, elapsed=0)
    return pattern


def _timeout_message(args: dict[str, Any]) -> str:
    target = f"{args['host']}:{args['port']}" if args["port"] else args["path"]
    if args["state"] in ("absent", "stopped"):
        return f"Timeout when waiting for {target} to " + ("stop." if args["port"] else "be absent.")
    if args["state"] == "drained":
        return f"Timeout when waiting for {args['host']}:{args['port']} to drain"
    if args["search_regex"]:
        return f"Timeout when waiting for search string {args['search_regex']} in {target}"
    return f"Timeout when waiting for {target if args['port'] else 'file ' + target}"


def _make_condition(args: dict[str, Any], pattern: re.Pattern[bytes] | None, end: float) -> Any:
    """Return a function that returns whether the condition is met."""
    host, port, path = args["host"], args["port"], args["path"]
    if args["state"] == "drained":
        connections = _Connections(args)
        return lambda: connections.count() == 0
    if args["state"] in ("absent", "stopped"):
        if path:
            return lambda: not os.access(path, os.F_OK)
        return lambda: not _can_connect(host, port, args["connect_timeout"])
    if path:
        return lambda: _is_present(path, pattern)
    return lambda: _has_answer(args, pattern, end)


def _can_connect(host: str, port: int, timeout: float) -> bool:
    try:
        with socket.create_connection((host, port), timeout) as sock:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True


def _is_present(path: str, pattern: re.Pattern[bytes] | None) -> bool | re.Match[bytes] | None:
    try:
        os.stat(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise ModuleError(f"Failed to stat {path}, {error.strerror}") from None
        return False
    if pattern is None:
        return True
    try:
        with open(path, "rb") as file:
            return pattern.search(file.read())
    except OSError:
        return False


def _has_answer(args: dict[str, Any], pattern: re.Pattern[bytes] | None, end: float) -> bool:
    """Whether the port accepts a connection and, with a pattern, sends data that matches."""
    seconds_left = max(1, math.ceil(end - time.monotonic()))
    try:
        sock = socket.create_connection(
            (args["host"], args["port"]), min(args["connect_timeout"], seconds_left)
        )
    except OSError:
        return False
    with sock:
        received = b""
        while pattern is not None and not pattern.search(received):
            remaining = end - time.monotonic()
            if remaining <= 0 or not select.select([sock], [], [], remaining)[0]:
                return False
            try:
                part = sock.recv(1024)
            except OSError:
                return False
            if not part:
                return False
            received += part
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    return True


class _Connections:
    """The connections of a local address in the given states, from /proc/net/tcp and tcp6."""

    def __init__(self, args: dict[str, Any]) -> None:
        self.states = {_STATES[name] for name in args["active_connection_states"]}
        self.port = f"{args['port'] or 0:04X}"
        self.addresses = set(_resolve_addresses(args["host"]))
        self.excluded = {
            address for host in args["exclude_hosts"] or [] for address in _resolve_addresses(host)
        }

    def count(self) -> int:
        connections = 0
        for path in ("/proc/net/tcp", "/proc/net/tcp6"):
            try:
                with open(path) as file:
                    rows = [line.split() for line in file.readlines()[1:]]
            except OSError:
                continue
            for row in rows:
                local, _, port = row[1].partition(":")
                remote = row[2].partition(":")[0]
                if row[3] in self.states and port == self.port and remote not in self.excluded:
                    connections += local in self.addresses or self._has_any_address(local)
        return connections

    def _has_any_address(self, local: str) -> bool:
        """Whether the host is the any-address of the local address's family."""
        if len(local) > 8 and local.startswith("0000000000000000FFFF0000"):
            return "0" * 8 in self.addresses or "0000000000000000FFFF000000000000" in self.addresses
        return "0" * len(local) in self.addresses


def _resolve_addresses(host: str) -> list[str]:
    """Return a host's addresses in the kernel's form: 32 bits at a time, in the machine's byte order."""
    addresses = []
    for family, _, _, _, address in socket.getaddrinfo(host, 80, 0, 0, socket.SOL_TCP):
        data = socket.inet_pton(family, str(address[0]))
        text = "".join(f"{word:08X}" for word in struct.unpack(f"={len(data) // 4}I", data))
        addresses.append(text)
        if family == socket.AF_INET:
            addresses.append("0000000000000000FFFF0000" + text)
    return addresses
