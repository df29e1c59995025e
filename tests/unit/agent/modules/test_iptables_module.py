"""iptables: the command line of a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kprov.agent import arguments
from kprov.agent.modules import iptables


@pytest.mark.parametrize(
    ("args", "rule"),
    [
        (
            {"protocol": "tcp", "source": "!10.0.0.0/8", "destination_port": "80", "jump": "DROP"},
            "-p tcp ! -s 10.0.0.0/8 -j DROP --destination-port 80",
        ),
        (
            {"destination_ports": ["80", "8081:8083"], "ctstate": "NEW,ESTABLISHED", "jump": "ACCEPT"},
            "-j ACCEPT -m multiport --dports 80,8081:8083 -m conntrack --ctstate NEW,ESTABLISHED",
        ),
        ({"match": ["state"], "ctstate": ["NEW"]}, "-m state --state NEW"),
        ({"reject_with": "tcp-reset"}, "-j REJECT --reject-with tcp-reset"),
        ({"syn": "negate", "comment": "one"}, "! --syn -m comment --comment one"),
        ({"match_set": "list", "match_set_flags": "src"}, "-m set --match-set list src"),
        ({"limit": "5/s", "limit_burst": "9", "uid_owner": "!root"}, "-m limit --limit 5/s --limit-burst 9 -m owner ! --uid-owner root"),
        ({"tcp_flags": {"flags": ["SYN", "ACK"], "flags_set": ["SYN"]}}, "--tcp-flags SYN,ACK SYN"),
        ({"jump": "TEE", "gateway": "10.0.0.1"}, "-j TEE --gateway 10.0.0.1"),
        ({"ip_version": "ipv6", "icmp_type": "echo-request"}, "--icmpv6-type echo-request"),
    ],
)  # fmt: skip
def test_a_rule_is_written_as_the_program_takes_it(args: dict[str, Any], rule: str) -> None:
    checked = arguments.check_arguments(
        "iptables", {"chain": "INPUT", **args}, iptables.ARGUMENTS, iptables.RULES
    )
    assert " ".join(iptables._rule_words(checked)) == rule


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({}, "flush is False but all of the following are missing: chain"),
        ({"chain": "INPUT", "jump": "TEE"}, "jump is TEE but all of the following are missing: gateway"),
        (
            {"chain": "INPUT", "flush": True, "policy": "DROP"},
            "parameters are mutually exclusive: flush|policy",
        ),
        (
            {"chain": "INPUT", "log_prefix": "x", "jump": "DROP"},
            "Logging options can only be used with the LOG jump target.",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    do: Callable[..., dict[str, Any]], args: dict[str, Any], text: str
) -> None:
    assert do("iptables", **args)["msg"] == text
