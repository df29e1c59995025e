"""The host's address, routes that overlap the cluster's networks, name servers, package repositories."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from kprov.preflight.components import NODE
from kprov.preflight.fleet import PreflightHost
from kprov.preflight.model import Problem, Severity, for_each_host

#: Limits of Kubernetes' validation of a pod's DNS settings.
NAMESERVERS, SEARCH_DOMAINS, SEARCH_LENGTH = 3, 32, 2048
_STUB = "127.0.0.53"


@for_each_host
def find_missing_address(host: PreflightHost) -> Iterator[Problem]:
    """No interface has the address that components listen on."""
    if not host.interface:
        known = ", ".join(
            address.address
            for address in host.facts.network.addresses
            if not address.address.startswith("127.")
        )
        yield Problem(host.name, f"no interface has its address {host.address}; it has {known or 'none'}")


@for_each_host
def find_overlapping_routes(host: PreflightHost) -> Iterator[Problem]:
    """Find routes that lead addresses of pods or services elsewhere."""
    if NODE not in host.groups:
        return
    networks = {
        "kube_pods_subnet": host.variables.kube_pods_subnet,
        "kube_service_addresses": host.variables.kube_service_addresses,
    }
    for route in host.facts.network.routes:
        destination = ipaddress.IPv4Network(route.destination, strict=False)
        for name, network in networks.items():
            if destination.prefixlen == 0 or not destination.overlaps(network):
                continue
            own = name == "kube_pods_subnet" and "pod-network" in host.facts.software.own
            if own and destination.subnet_of(network):
                continue
            device = f" ({route.interface})" if route.interface else ""
            text = f"the route to {destination}{device} overlaps {name} {network}"
            # Routes to pods are more specific than a larger network and win.
            larger = destination.prefixlen < network.prefixlen
            yield Problem(host.name, text, Severity.WARNING if larger else None)


@for_each_host
def find_name_server_problems(host: PreflightHost) -> Iterator[Problem]:
    """Pods cannot use the host's resolv.conf."""
    if NODE not in host.groups:
        return
    conf = host.facts.network.resolv_conf
    if _STUB in conf.nameservers:
        # The kubelet uses this file instead.
        conf = host.facts.network.resolved
        if not conf.nameservers:
            text = f"/etc/resolv.conf has only {_STUB}, and /run/systemd/resolve/resolv.conf has no servers"
            yield Problem(host.name, text)
            return
    if not conf.nameservers and not host.variables.upstream_dns_servers:
        yield Problem(host.name, "/etc/resolv.conf has no nameserver")
    loopback = [server for server in conf.nameservers if server.startswith("127.") or server == "::1"]
    if loopback:
        text = f"the nameserver {', '.join(loopback)} is a loopback address, which pods cannot reach"
        yield Problem(host.name, text)
    yield from _find_exceeded_limits(host.name, conf.nameservers, conf.search)


def _find_exceeded_limits(host: str, servers: list[str], search: list[str]) -> Iterator[Problem]:
    if len(servers) > NAMESERVERS:
        text = f"resolv.conf has {len(servers)} nameservers; pods get the first {NAMESERVERS}"
        yield Problem(host, text)
    if len(search) > SEARCH_DOMAINS or len(" ".join(search)) > SEARCH_LENGTH:
        text = (
            f"resolv.conf has {len(search)} search domains of {len(' '.join(search))} characters; "
            f"pods get at most {SEARCH_DOMAINS} of {SEARCH_LENGTH}"
        )
        yield Problem(host, text)


@for_each_host
def find_unresolved_names(host: PreflightHost) -> Iterator[Problem]:
    """Find names of package repositories, or of their proxy, that the host cannot resolve."""
    repositories = host.probes.repositories if host.probes is not None else None
    if repositories is None:
        return
    if not repositories.apt:
        text = "not checked: only the names of apt's repositories are tried"
        yield Problem(host.name, text, Severity.INFO, "resolve a name on the host: getent hosts NAME")
    for name, site in repositories.sites.items():
        if not site.resolved:
            servers = ", ".join(host.facts.network.resolv_conf.nameservers) or "none"
            yield Problem(host.name, f"cannot resolve {name}: {site.outcome} (nameservers: {servers})")


@for_each_host
def find_unreachable_repositories(host: PreflightHost) -> Iterator[Problem]:
    """Find package repositories, or their proxy, that do not answer."""
    repositories = host.probes.repositories if host.probes is not None else None
    if repositories is None:
        return
    if not repositories.apt:
        text = "not checked: only apt's repositories are tried"
        yield Problem(host.name, text, Severity.INFO, "try the repositories on the host: dnf makecache")
    what = "the proxy of apt" if repositories.proxy else "the package repository"
    for name, site in repositories.sites.items():
        if site.resolved and site.outcome != "open":
            yield Problem(host.name, f"cannot connect to {what} {name}:{site.port}: {site.outcome}")
