"""ansible.builtin.iptables, through the programs iptables and ip6tables (1.6 or newer)."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError

_LEVELS = ["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"]
_PLAIN = (
    "chain", "rule_num", "protocol", "wait", "source", "to_source", "destination", "to_destination", "jump",
    "gateway", "log_prefix", "goto", "in_interface", "out_interface", "fragment", "set_counters",
    "source_port", "destination_port", "to_ports", "set_dscp_mark", "set_dscp_mark_class", "comment",
    "src_range", "dst_range", "match_set", "limit", "limit_burst", "uid_owner", "gid_owner", "reject_with",
    "icmp_type",
)  # fmt: skip
_LIST: dict[str, Any] = {"type": "list", "elements": "str"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **{name: {} for name in _PLAIN},
    "table": {"choices": ["filter", "nat", "mangle", "raw", "security"], "default": "filter"},
    "state": {"choices": ["absent", "present"], "default": "present"},
    "action": {"choices": ["append", "insert"], "default": "append"},
    "ip_version": {"choices": ["ipv4", "ipv6", "both"], "default": "ipv4"},
    "match": {**_LIST, "default": []},
    "destination_ports": {**_LIST, "default": []},
    "ctstate": {**_LIST, "default": []},
    "tcp_flags": {"type": "dict", "options": {"flags": _LIST, "flags_set": _LIST}},
    "log_level": {"choices": [*(str(level) for level in range(8)), *_LEVELS]},
    "match_set_flags": {"choices": ["src", "dst", "src,dst", "dst,src", "src,src", "dst,dst"]},
    "syn": {"choices": ["ignore", "match", "negate"], "default": "ignore"},
    "flush": {"type": "bool", "default": False},
    "policy": {"choices": ["ACCEPT", "DROP", "QUEUE", "RETURN"]},
    "chain_management": {"type": "bool", "default": False},
    "numeric": {"type": "bool", "default": False},
}
RULES: dict[str, Any] = {
    "mutually_exclusive": [["set_dscp_mark", "set_dscp_mark_class"], ["flush", "policy"]],
    "required_by": {"set_dscp_mark": ["jump"], "set_dscp_mark_class": ["jump"]},
    "required_if": [["jump", "TEE", ["gateway"]], ["jump", "tee", ["gateway"]], ["flush", False, ["chain"]]],
}
_ICMP = {"ipv4": "--icmp-type", "ipv6": "--icmpv6-type", "both": "--icmp-type --icmpv6-type"}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a rule in a chain, a chain, its policy, or nothing in it."""
    told = ("ip_version", "table", "chain", "flush", "state", "chain_management", "wait")
    result: dict[str, Any] = {"changed": False, **{name: args[name] for name in told}}
    result["rule"] = " ".join(_rule(args))
    if args["log_prefix"] or args["log_level"]:
        if args["jump"] is None:
            args = {**args, "jump": "LOG"}
        elif args["jump"] != "LOG":
            raise ModuleError("Logging options can only be used with the LOG jump target.")
    versions = ["ipv4", "ipv6"] if args["ip_version"] == "both" else [args["ip_version"]]
    for version in versions:
        program = "iptables" if version == "ipv4" else "ip6tables"
        # Whether there is a rule at all is judged before the LOG target is filled in, as Ansible does.
        if _apply_state(_Table(program, args), args, context, bare=not result["rule"]):
            result["changed"] = True
    return result


class _Table:
    """One program with the task's table and chain."""

    def __init__(self, program: str, args: dict[str, Any]) -> None:
        self.program, self.args = program, args

    def command(self, action: str, more: tuple[str, ...], *, rule: bool) -> list[str]:
        args = self.args
        command = [self.program, "-t", args["table"], action]
        command += [args["chain"]] if args["chain"] is not None else []
        if action == "-I" and args["rule_num"]:
            command.append(args["rule_num"])
        if args["wait"]:
            command += ["-w", args["wait"]]
        return [*command, *(_rule(args) if rule else []), *more]

    def run(self, action: str, *more: str, rule: bool = False) -> tuple[int, str, str]:
        try:
            return process.run_program(self.command(action, more, rule=rule))
        except FileNotFoundError:
            raise ModuleError(f'Failed to find required executable "{self.program}"') from None

    def do(self, action: str, *more: str, rule: bool = False) -> str:
        code, out, err = self.run(action, *more, rule=rule)
        if code:
            words = [shutil.which(self.program) or "", *self.command(action, more, rule=rule)[1:]]
            line = " ".join(shlex.quote(word) for word in words)
            said = {"stdout": out, "stderr": err}
            lines = {f"{name}_lines": text.splitlines() for name, text in said.items()}
            raise ModuleError(err.rstrip(), cmd=line, rc=code, **said, **lines)
        return out

    def listed(self) -> bool:
        return self.run("-L", *self.numeric())[0] == 0

    def numeric(self) -> list[str]:
        return ["--numeric"] if self.args["numeric"] else []


def _apply_state(table: _Table, args: dict[str, Any], context: Context, *, bare: bool) -> bool:
    """Whether something differed; changes it unless in check mode."""
    present = args["state"] == "present"
    if args["flush"]:
        if not context.check:
            table.do("-F")
        return True
    if args["policy"]:
        return _policy(table, args["policy"], context)
    if bare:
        there = table.listed()
        if there != present and args["chain_management"] and not context.check:
            table.do("-N" if present else "-X")
        return bool(there != present)
    if (table.run("-C", rule=True)[0] == 0) == present:
        return False
    if not context.check:
        action = "-D" if not present else "-I" if args["action"] == "insert" else "-A"
        table.do(action, rule=True)
    return True


def _policy(table: _Table, wanted: str, context: Context) -> bool:
    header = table.do("-L", *table.numeric()).split("\n")[0]
    now = re.search(r"\(policy ([A-Z]+)\)", header)
    if now is None:
        raise ModuleError("Can't detect current policy")
    if now[1] == wanted:
        return False
    if not context.check:
        table.do("-P", wanted)
    return True


def _rule(args: dict[str, Any]) -> list[str]:
    """The rule's part of the command line; its order is what `iptables` and other tools have seen so far."""
    words: list[str] = []

    def add(flag: str, name: str) -> None:
        value = args[name]
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                words.extend(["!", flag, one[1:]] if one[:1] == "!" else [flag, one])

    def join(flag: str, name: str) -> None:
        if args[name]:
            words.extend([flag, ",".join(args[name])])

    def load(module: str, *names: str) -> None:
        if any(args[name] for name in names):
            words.extend(["-m", module])

    jump = args["jump"]
    for flag, name in (("-p", "protocol"), ("-s", "source"), ("-d", "destination"), ("-m", "match")):
        add(flag, name)
    flags = args["tcp_flags"] or {}
    if flags.get("flags") is not None and flags.get("flags_set") is not None:
        words.extend(["--tcp-flags", ",".join(flags["flags"]), ",".join(flags["flags_set"])])
    add("-j", "jump")
    if jump and jump.lower() == "tee":
        add("--gateway", "gateway")
    for flag, name in (
        ("--log-prefix", "log_prefix"),
        ("--log-level", "log_level"),
        ("--to-destination", "to_destination"),
    ):
        add(flag, name)
    load("multiport", "destination_ports")
    join("--dports", "destination_ports")
    for flag, name in _MIDDLE:
        add(flag, name)
    for flag, name in (("--set-dscp", "set_dscp_mark"), ("--set-dscp-class", "set_dscp_mark_class")):
        add(flag, name)
        if args[name] and jump.lower() != "dscp":
            words.extend(["-j", "DSCP"])
    if args["syn"] != "ignore":
        words.extend(["--syn"] if args["syn"] == "match" else ["!", "--syn"])
    if "conntrack" not in args["match"] and "state" not in args["match"]:
        load("conntrack", "ctstate")
    state = "state" in args["match"] and "conntrack" not in args["match"]
    join("--state" if state else "--ctstate", "ctstate")
    if "iprange" not in args["match"]:
        load("iprange", "src_range", "dst_range")
    add("--src-range", "src_range")
    add("--dst-range", "dst_range")
    if "set" not in args["match"]:
        load("set", "match_set")
    add("--match-set", "match_set")
    if args["match_set_flags"] and ("set" in args["match"] or args["match_set"]):
        words.append(args["match_set_flags"])
    load("limit", "limit", "limit_burst")
    add("--limit", "limit")
    add("--limit-burst", "limit_burst")
    for flag, name in (("--uid-owner", "uid_owner"), ("--gid-owner", "gid_owner")):
        load("owner", name)
        add(flag, name)
    if jump is None and args["reject_with"]:
        words.extend(["-j", "REJECT"])
    add("--reject-with", "reject_with")
    add(_ICMP[args["ip_version"]], "icmp_type")
    load("comment", "comment")
    add("--comment", "comment")
    return words


_MIDDLE = (
    ("--to-source", "to_source"), ("-g", "goto"), ("-i", "in_interface"), ("-o", "out_interface"),
    ("-f", "fragment"), ("-c", "set_counters"), ("--source-port", "source_port"),
    ("--destination-port", "destination_port"), ("--to-ports", "to_ports"),
)  # fmt: skip
