"""ansible.builtin.iptables: rules, chains and policies, with iptables and ip6tables (1.6 or newer)."""

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
    """Add or remove a rule or a chain, set a chain's policy, or flush a chain."""
    returned = ("ip_version", "table", "chain", "flush", "state", "chain_management", "wait")
    result: dict[str, Any] = {"changed": False, **{name: args[name] for name in returned}}
    result["rule"] = " ".join(_rule_words(args))
    if args["log_prefix"] or args["log_level"]:
        if args["jump"] is None:
            args = {**args, "jump": "LOG"}
        elif args["jump"] != "LOG":
            raise ModuleError("Logging options can only be used with the LOG jump target.")
    versions = ["ipv4", "ipv6"] if args["ip_version"] == "both" else [args["ip_version"]]
    for version in versions:
        program = "iptables" if version == "ipv4" else "ip6tables"
        # Like Ansible, decide whether there is a rule before the LOG target is added.
        if _apply_state(_Table(program, args), args, context, no_rule=not result["rule"]):
            result["changed"] = True
    return result


class _Table:
    """A program with the task's table and chain."""

    def __init__(self, program: str, args: dict[str, Any]) -> None:
        self.program, self.args = program, args

    def command(self, action: str, options: tuple[str, ...], *, rule: bool) -> list[str]:
        args = self.args
        command = [self.program, "-t", args["table"], action]
        command += [args["chain"]] if args["chain"] is not None else []
        if action == "-I" and args["rule_num"]:
            command.append(args["rule_num"])
        if args["wait"]:
            command += ["-w", args["wait"]]
        return [*command, *(_rule_words(args) if rule else []), *options]

    def run(self, action: str, *options: str, rule: bool = False) -> tuple[int, str, str]:
        try:
            return process.run_program(self.command(action, options, rule=rule))
        except FileNotFoundError:
            raise ModuleError(f'Failed to find required executable "{self.program}"') from None

    def run_or_fail(self, action: str, *options: str, rule: bool = False) -> str:
        code, out, err = self.run(action, *options, rule=rule)
        if code:
            full_command = [shutil.which(self.program) or "", *self.command(action, options, rule=rule)[1:]]
            line = " ".join(shlex.quote(word) for word in full_command)
            output = {"stdout": out, "stderr": err}
            lines = {f"{name}_lines": text.splitlines() for name, text in output.items()}
            raise ModuleError(err.rstrip(), cmd=line, rc=code, **output, **lines)
        return out

    def chain_exists(self) -> bool:
        return self.run("-L", *self.numeric_option())[0] == 0

    def numeric_option(self) -> list[str]:
        return ["--numeric"] if self.args["numeric"] else []


def _apply_state(table: _Table, args: dict[str, Any], context: Context, *, no_rule: bool) -> bool:
    """Return whether something differs; change it unless in check mode."""
    present = args["state"] == "present"
    if args["flush"]:
        if not context.check:
            table.run_or_fail("-F")
        return True
    if args["policy"]:
        return _set_policy(table, args["policy"], context)
    if no_rule:
        exists = table.chain_exists()
        if exists != present and args["chain_management"] and not context.check:
            table.run_or_fail("-N" if present else "-X")
        return bool(exists != present)
    if (table.run("-C", rule=True)[0] == 0) == present:
        return False
    if not context.check:
        action = "-D" if not present else "-I" if args["action"] == "insert" else "-A"
        table.run_or_fail(action, rule=True)
    return True


def _set_policy(table: _Table, policy: str, context: Context) -> bool:
    header = table.run_or_fail("-L", *table.numeric_option()).split("\n")[0]
    match = re.search(r"\(policy ([A-Z]+)\)", header)
    if match is None:
        raise ModuleError("Can't detect current policy")
    if match[1] == policy:
        return False
    if not context.check:
        table.run_or_fail("-P", policy)
    return True


def _rule_words(args: dict[str, Any]) -> list[str]:
    """Return the rule's words in the order of Ansible's module."""
    rule = _RuleWords(args)
    rule.add_target()
    rule.add_packet_matches()
    rule.add_connection_matches()
    rule.add_limits()
    return rule.words


class _RuleWords:
    """Collects the words of a rule from the arguments."""

    def __init__(self, args: dict[str, Any]) -> None:
        self.args = args
        self.words: list[str] = []

    def add(self, flag: str, name: str) -> None:
        value = self.args[name]
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                self.words.extend(["!", flag, item[1:]] if item[:1] == "!" else [flag, item])

    def join(self, flag: str, name: str) -> None:
        if self.args[name]:
            self.words.extend([flag, ",".join(self.args[name])])

    def load(self, module: str, *names: str) -> None:
        """Load a match module if one of its arguments is set."""
        if any(self.args[name] for name in names):
            self.words.extend(["-m", module])

    def add_target(self) -> None:
        args, jump = self.args, self.args["jump"]
        for flag, name in (("-p", "protocol"), ("-s", "source"), ("-d", "destination"), ("-m", "match")):
            self.add(flag, name)
        flags = args["tcp_flags"] or {}
        if flags.get("flags") is not None and flags.get("flags_set") is not None:
            self.words.extend(["--tcp-flags", ",".join(flags["flags"]), ",".join(flags["flags_set"])])
        self.add("-j", "jump")
        if jump and jump.lower() == "tee":
            self.add("--gateway", "gateway")
        for flag, name in (
            ("--log-prefix", "log_prefix"),
            ("--log-level", "log_level"),
            ("--to-destination", "to_destination"),
        ):
            self.add(flag, name)

    def add_packet_matches(self) -> None:
        args = self.args
        self.load("multiport", "destination_ports")
        self.join("--dports", "destination_ports")
        for flag, name in _MIDDLE:
            self.add(flag, name)
        for flag, name in (("--set-dscp", "set_dscp_mark"), ("--set-dscp-class", "set_dscp_mark_class")):
            self.add(flag, name)
            if args[name] and args["jump"].lower() != "dscp":
                self.words.extend(["-j", "DSCP"])
        if args["syn"] != "ignore":
            self.words.extend(["--syn"] if args["syn"] == "match" else ["!", "--syn"])

    def add_connection_matches(self) -> None:
        args, match = self.args, self.args["match"]
        if "conntrack" not in match and "state" not in match:
            self.load("conntrack", "ctstate")
        state = "state" in match and "conntrack" not in match
        self.join("--state" if state else "--ctstate", "ctstate")
        if "iprange" not in match:
            self.load("iprange", "src_range", "dst_range")
        self.add("--src-range", "src_range")
        self.add("--dst-range", "dst_range")
        if "set" not in match:
            self.load("set", "match_set")
        self.add("--match-set", "match_set")
        if args["match_set_flags"] and ("set" in match or args["match_set"]):
            self.words.append(args["match_set_flags"])

    def add_limits(self) -> None:
        self.load("limit", "limit", "limit_burst")
        self.add("--limit", "limit")
        self.add("--limit-burst", "limit_burst")
        for flag, name in (("--uid-owner", "uid_owner"), ("--gid-owner", "gid_owner")):
            self.load("owner", name)
            self.add(flag, name)
        if self.args["jump"] is None and self.args["reject_with"]:
            self.words.extend(["-j", "REJECT"])
        self.add("--reject-with", "reject_with")
        self.add(_ICMP[self.args["ip_version"]], "icmp_type")
        self.load("comment", "comment")
        self.add("--comment", "comment")


_MIDDLE = (
    ("--to-source", "to_source"), ("-g", "goto"), ("-i", "in_interface"), ("-o", "out_interface"),
    ("-f", "fragment"), ("-c", "set_counters"), ("--source-port", "source_port"),
    ("--destination-port", "destination_port"), ("--to-ports", "to_ports"),
)  # fmt: skip
