"""Ports of the components that other processes use."""

from __future__ import annotations

from collections.abc import Iterator

from kprov.preflight.components import ANY, Port, list_ports
from kprov.preflight.facts import Listener
from kprov.preflight.fleet import PreflightHost
from kprov.preflight.model import Problem, for_each_host


@for_each_host
def find_foreign_listeners(host: PreflightHost) -> Iterator[Problem]:
    """Another process listens where a component will listen."""
    seen = set()
    for port in list_ports(host.groups, host.variables, host.address):
        for listener in host.facts.listeners:
            if conflicts(port, listener) and not is_own(host, port, listener):
                owner = describe_owner(listener)
                text = f"port {port.port}/{port.protocol} of {port.component} is in use by {owner}"
                if text not in seen:
                    seen.add(text)
                    yield Problem(host.name, text)


def conflicts(port: Port, listener: Listener) -> bool:
    """Whether the listener keeps a component from listening on the port."""
    same = (port.port, port.protocol) == (listener.port, listener.protocol)
    anywhere = (ANY, "::")
    return same and (
        port.address == listener.address or port.address in anywhere or listener.address in anywhere
    )


def is_own(host: PreflightHost, port: Port, listener: Listener) -> bool:
    """Whether the listener is the component that kprov installed."""
    return listener.unit == f"{port.component}.service" and port.component in host.facts.software.own


def describe_owner(listener: Listener) -> str:
    """Name the process of a listener."""
    if not listener.pid:
        return "a process that the host does not show"
    unit = f", {listener.unit}" if listener.unit else ""
    return f"{listener.process} (pid {listener.pid}{unit})"
