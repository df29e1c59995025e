"""The table of a cluster's certificates, as in docs/architecture.md.

Subjects are upstream's: kubeadm's certificates and the users that RBAC's bootstrap roles name.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from kprov.contract.components.model import Certificate, render_text
from kprov.contract.components.table import list_group_components
from kprov.pki.request import PkiHost, PkiRequest

AUTHORITIES = {"ca": "kubernetes", "etcd-ca": "etcd-ca", "front-proxy-ca": "front-proxy-ca"}
LOOPBACK = "127.0.0.1"
#: The groups in the order of their certificates.
_GROUPS = ("kube_control_plane", "kube_node", "etcd")


@dataclass(frozen=True)
class CertificateSpec:
    """A certificate at `path` (below pki/, without suffix); `sans` are names and IP addresses."""

    path: str
    authority: str
    common_name: str
    organizations: tuple[str, ...] = ()
    sans: tuple[str, ...] = ()
    server: bool = False
    client: bool = True


def list_certificates(request: PkiRequest) -> list[CertificateSpec]:
    """Return all certificates but the authorities', the administrator's first."""
    certificates = [CertificateSpec("admin", "ca", "kubernetes-admin", ("system:masters",))]
    for host in request.hosts:
        listed: set[str] = set()
        for group in _GROUPS:
            for component in list_group_components(group) if group in host.groups else ():
                if component.name not in listed:
                    listed.add(component.name)
                    certificates += [_specify(request, host, row) for row in component.certificates]
        if "registry" in host.roles:
            certificates.append(_registry_certificate(host))
    return certificates


def _specify(request: PkiRequest, host: PkiHost, row: Certificate) -> CertificateSpec:
    """Return the certificate of a row for a host."""
    names = {"inventory_hostname": host.name, "kube_node_name": host.node}
    return CertificateSpec(
        f"hosts/{host.name}/{row.file}",
        row.authority,
        render_text(row.common_name, names.__getitem__),
        tuple(render_text(name, names.__getitem__) for name in row.organizations),
        sans=_unique_names(*(name for kind in row.names for name in _list_names(request, host, kind))),
        server="server" in row.usages,
        client="client" in row.usages,
    )


def _list_names(request: PkiRequest, host: PkiHost, kind: str) -> tuple[str, ...]:
    """Return the subject alternative names of a kind, see kprov.contract.components.model.NAMES."""
    match kind:
        case "service":
            short = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
            return (*short, f"{short[-1]}.{request.domain}")
        case "localhost":
            return ("localhost",)
        case "host":
            return _own_names(host)
        case "control_plane":
            members = [member for member in request.hosts if "control_plane" in member.roles]
            return tuple(name for member in members for name in _own_names(member))
        case "service_addresses":
            return request.service_addresses
        case "vip":
            return (request.vip,) if request.vip else ()
        case _:
            return request.extra_sans


def _registry_certificate(host: PkiHost) -> CertificateSpec:
    sans = _unique_names("localhost", *_own_names(host))
    return CertificateSpec(
        f"hosts/{host.name}/registry", "ca", "registry", sans=sans, server=True, client=False
    )


def _own_names(host: PkiHost) -> tuple[str, ...]:
    return (host.node, host.name, *host.addresses, LOOPBACK)


def _unique_names(*sans: str) -> tuple[str, ...]:
    """Return each name once: names in lower case, addresses in canonical form."""
    return tuple(dict.fromkeys(_plain_name(san) for san in sans if san))


def _plain_name(san: str) -> str:
    try:
        return str(ipaddress.ip_address(san))
    except ValueError:
        return san.lower()
