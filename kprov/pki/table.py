"""The table of a cluster's certificates, as in docs/architecture.md.

Subjects are upstream's: kubeadm's certificates and the users that RBAC's bootstrap roles name.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from kprov.pki.request import NODE_PREFIX, PkiHost, PkiRequest

AUTHORITIES = {"ca": "kubernetes", "etcd-ca": "etcd-ca", "front-proxy-ca": "front-proxy-ca"}
LOOPBACK = "127.0.0.1"


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
        if "control_plane" in host.roles:
            certificates += _control_plane_certificates(request, host)
        if "node" in host.roles:
            certificates += _node_certificates(host)
        if "etcd" in host.roles:
            certificates += _etcd_certificates(host)
        if "registry" in host.roles:
            certificates.append(_registry_certificate(host))
    return certificates


def _control_plane_certificates(request: PkiRequest, host: PkiHost) -> list[CertificateSpec]:
    at = f"hosts/{host.name}"
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    outside = (request.vip,) if request.vip else ()
    # A load balancer connects to any API server: each certificate needs the addresses of all.
    control_plane = [
        name
        for cluster_host in request.hosts
        if "control_plane" in cluster_host.roles
        for name in _own_names(cluster_host)
    ]
    api = (
        *names, f"kubernetes.default.svc.{request.domain}", "localhost", *_own_names(host), *control_plane,
        *request.service_addresses, *outside, *request.extra_sans,
    )  # fmt: skip
    # Both serve health and metrics with their client certificate.
    own = _unique_names("localhost", *_own_names(host))
    return [
        CertificateSpec(
            f"{at}/apiserver", "ca", "kube-apiserver", sans=_unique_names(*api), server=True, client=False
        ),
        CertificateSpec(
            f"{at}/apiserver-kubelet-client",
            "ca",
            "kube-apiserver-kubelet-client",
            ("kubeadm:cluster-admins",),
        ),
        CertificateSpec(f"{at}/apiserver-etcd-client", "etcd-ca", "kube-apiserver-etcd-client"),
        CertificateSpec(f"{at}/front-proxy-client", "front-proxy-ca", "front-proxy-client"),
        CertificateSpec(
            f"{at}/controller-manager", "ca", "system:kube-controller-manager", sans=own, server=True
        ),
        CertificateSpec(f"{at}/scheduler", "ca", "system:kube-scheduler", sans=own, server=True),
    ]


def _node_certificates(host: PkiHost) -> list[CertificateSpec]:
    at, name = f"hosts/{host.name}", NODE_PREFIX + host.node
    serving = _unique_names(*_own_names(host))
    return [
        CertificateSpec(f"{at}/kubelet-client", "ca", name, ("system:nodes",)),
        CertificateSpec(
            f"{at}/kubelet", "ca", name, ("system:nodes",), sans=serving, server=True, client=False
        ),
        CertificateSpec(f"{at}/kube-proxy", "ca", "system:kube-proxy"),
        CertificateSpec(f"{at}/cluster-dns", "ca", "system:kprov:cluster-dns"),
        CertificateSpec(f"{at}/pod-network", "ca", "system:kprov:pod-network"),
        CertificateSpec(f"{at}/local-path-provisioner", "ca", "system:kprov:local-path-provisioner"),
    ]


def _etcd_certificates(host: PkiHost) -> list[CertificateSpec]:
    at = f"hosts/{host.name}"
    # A member is a client of its peers, and its gateway of the member: both need both usages.
    sans = _unique_names("localhost", *_own_names(host))
    return [
        CertificateSpec(f"{at}/etcd-server", "etcd-ca", host.name, sans=sans, server=True),
        CertificateSpec(f"{at}/etcd-peer", "etcd-ca", host.name, sans=sans, server=True),
        CertificateSpec(f"{at}/etcd-healthcheck-client", "etcd-ca", "kube-etcd-healthcheck-client"),
    ]


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
