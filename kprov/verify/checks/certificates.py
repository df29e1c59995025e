"""Checks certificates on disk and as served: authority, validity, names, and permissions of keys."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from testinfra.host import Host

from kprov.pki import lost_keys
from kprov.verify.model import Cluster, Finding, VerifyHost

#: A certificate that expires sooner than this fails the check.
RENEW_WITHIN = timedelta(days=7)
#: A certificate that expires sooner than this is a warning; `kprov up` renews it from then on.
WARN_WITHIN = timedelta(days=30)
#: The same for authorities, whose replacement users must prepare.
WARN_AUTHORITY_WITHIN = timedelta(days=180)

#: The certificates of an authority: two while `kprov certs rotate-ca` replaces it.
Authorities = Sequence[x509.Certificate]

#: Seconds for one connection to a component.
CONNECT_SECONDS = 15

#: Prints the certificate (PEM) that each ADDRESS:PORT serves, or the error, as JSON. It verifies nothing.
_READ_SERVED = """
import json, socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def read(place):
    address, port = place.rsplit(":", 1)
    try:
        with socket.create_connection((address, int(port)), timeout=float(sys.argv[1])) as raw:
            with context.wrap_socket(raw) as connection:
                return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True))
    except OSError as error:
        return str(error)
print(json.dumps({place: read(place) for place in sys.argv[2:]}))
"""

#: (authority, path without suffix, relative to the cluster's cert_dir) by group.
FILES: dict[str, tuple[tuple[str, str], ...]] = {
    "etcd": (
        ("etcd-ca", "/etc/etcd/pki/server"),
        ("etcd-ca", "/etc/etcd/pki/peer"),
        ("etcd-ca", "/etc/etcd/pki/healthcheck-client"),
    ),
    "kube_control_plane": (
        ("ca", "apiserver"),
        ("ca", "apiserver-kubelet-client"),
        ("etcd-ca", "apiserver-etcd-client"),
        ("front-proxy-ca", "front-proxy-client"),
        ("ca", "controller-manager"),
        ("ca", "scheduler"),
    ),
    "kube_node": (
        ("ca", "kubelet-client"),
        ("ca", "/var/lib/kubelet/pki/kubelet"),
        ("ca", "kube-proxy"),
        ("ca", "cluster-dns"),
        ("ca", "pod-network"),
        ("ca", "local-path-provisioner"),
    ),
}


def check_certificates(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
    """Yield a finding for each certificate file and each served certificate."""
    authorities = {
        name: x509.load_pem_x509_certificates((Path(cluster.pki_dir) / f"{name}.crt").read_bytes())
        for name in ("ca", "etcd-ca", "front-proxy-ca")
    }
    now = datetime.now(UTC)
    yield from _check_authorities(host, me, cluster, authorities, now)
    wanted = [
        (authority, str(PurePosixPath(cluster.cert_dir, base)))
        for group, entries in FILES.items()
        if group in me.groups
        for authority, base in entries
    ]
    contents, modes = _read_files(host, [base for _, base in wanted])
    for authority, base in wanted:
        pem = contents.get(f"{base}.crt", "")
        yield judge_certificate(f"{base}.crt", pem, authorities[authority], authority, now)
        mode = modes.get(f"{base}.key")
        if mode != "600":
            yield Finding(f"{base}.key", ok=False, detail=f"mode {mode}, expected 600" if mode else "missing")
    if "kube_control_plane" in me.groups and cluster.signs_certificates is not None:
        path = f"{cluster.cert_dir}/ca.key"
        _, modes = _read_files(host, [path.removesuffix(".key")])
        yield judge_signing_key(path, modes.get(path), wanted=cluster.signs_certificates)
    yield from judge_served(me, host, list(_list_served(me, cluster)), authorities, now)


def judge_signing_key(path: str, mode: str | None, *, wanted: bool) -> Finding:
    """Judge the key of the cluster's CA by its mode, which is None if the host does not have it."""
    if not wanted:
        detail = "" if mode is None else "is there, but kube_sign_certificates is false; remove it: kprov up"
        return Finding(path, ok=mode is None, detail=detail or "absent")
    if mode is None:
        return Finding(
            path, ok=False, detail="missing, certificate requests are not signed; repair it: kprov up"
        )
    return Finding(
        path, ok=mode == "600", detail=f"mode {mode}" + ("" if mode == "600" else ", expected 600")
    )


def _check_authorities(
    host: Host, me: VerifyHost, cluster: Cluster, authorities: Mapping[str, Authorities], now: datetime
) -> Iterator[Finding]:
    """Judge the authorities that the host trusts."""
    paths = {"ca": f"{cluster.cert_dir}/ca.crt"}
    if "kube_control_plane" in me.groups:
        paths["front-proxy-ca"] = f"{cluster.cert_dir}/front-proxy-ca.crt"
    if "etcd" in me.groups:
        paths["etcd-ca"] = "/etc/etcd/pki/ca.crt"
    contents, _ = _read_files(host, [path.removesuffix(".crt") for path in paths.values()])
    lost = lost_keys.list_lost(Path(cluster.pki_dir))
    for name, path in paths.items():
        finding = judge_authorities(path, contents.get(path, ""), authorities[name], name, now)
        if finding.ok and not finding.warning and name in lost:
            detail = "its key is lost, replace it: kprov certs rotate-ca"
            finding = Finding(path, ok=True, detail=detail, warning=True)
        yield finding


def judge_authorities(
    path: str, pem: str, expected: Authorities, authority_name: str, now: datetime
) -> Finding:
    """Judge the authorities (PEM) that a host trusts by those of the operator's machine, and by the time."""
    try:
        authorities = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return Finding(path, ok=False, detail="missing or not a certificate")
    if set(authorities) != set(expected):
        return Finding(path, ok=False, detail=f"not this cluster's {authority_name}; repair it: kprov up")
    end = expected[0].not_valid_after_utc
    if now > end:
        return Finding(path, ok=False, detail=f"expired on {end:%Y-%m-%d}, replace it: kprov certs rotate-ca")
    if len(expected) > 1:
        return Finding(path, ok=True, detail="two authorities: finish kprov certs rotate-ca", warning=True)
    if end - now < WARN_AUTHORITY_WITHIN:
        detail = f"expires in {(end - now).days} days, replace it: kprov certs rotate-ca"
        return Finding(path, ok=True, detail=detail, warning=True)
    return Finding(path, ok=True, detail=f"until {end:%Y-%m-%d}")


def _read_files(host: Host, bases: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Read all certificates and the modes of all keys with two commands."""
    certificates = " ".join(f"{base}.crt" for base in bases)
    text = host.run(f'for f in {certificates}; do echo "== $f"; cat $f; done').stdout
    contents = {}
    for part in text.split("== ")[1:]:
        name, _, pem = part.partition("\n")
        contents[name.strip()] = pem
    listing = host.run("stat --format='%n %a' " + " ".join(f"{base}.key" for base in bases)).stdout
    return contents, dict(line.split() for line in listing.splitlines())


def judge_certificate(
    name: str, pem: str, authorities: Authorities, authority_name: str, now: datetime
) -> Finding:
    """Judge a certificate (PEM) by its authorities and the time."""
    if "BEGIN CERTIFICATE" not in pem:
        return Finding(name, ok=False, detail="missing or not a certificate")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        return Finding(name, ok=False, detail=f"cannot be read: {error}")
    if not any(_is_issued_by(certificate, authority) for authority in authorities):
        return Finding(name, ok=False, detail=f"not issued by this cluster's {authority_name}")
    return _judge_times(name, certificate, now)


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _judge_times(name: str, certificate: x509.Certificate, now: datetime) -> Finding:
    end = certificate.not_valid_after_utc
    if now > end:
        return Finding(name, ok=False, detail=f"expired on {end:%Y-%m-%d %H:%M} UTC")
    if now < certificate.not_valid_before_utc:
        return Finding(
            name, ok=False, detail=f"not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
        )
    if end - now < RENEW_WITHIN:
        return Finding(name, ok=False, detail=f"expires on {end:%Y-%m-%d}, renew it: kprov up")
    if end - now < WARN_WITHIN:
        detail = f"expires in {(end - now).days} days, renew it: kprov up"
        return Finding(name, ok=True, detail=detail, warning=True)
    return Finding(name, ok=True, detail=f"until {end:%Y-%m-%d}")


class Served(NamedTuple):
    """A certificate that a component serves at a port, with the authority and the addresses it must name."""

    name: str
    port: int
    authority: str
    addresses: tuple[str, ...] = ()


def _list_served(me: VerifyHost, cluster: Cluster) -> Iterator[Served]:
    if "etcd" in me.groups:
        yield Served("etcd serves", 2379, "etcd-ca", (me.address,))
    if "kube_control_plane" in me.groups:
        # A load balancer connects to any API server.
        control_plane = [host.address for host in cluster.in_group("kube_control_plane")]
        addresses = (*control_plane, cluster.vip) if cluster.vip else tuple(control_plane)
        yield Served("API server serves", cluster.apiserver_port, "ca", addresses)
    if "kube_node" in me.groups:
        yield Served("kubelet serves", 10250, "ca", (me.address,))


def judge_served(
    me: VerifyHost,
    host: Host,
    served: list[Served],
    authorities: Mapping[str, Authorities],
    now: datetime,
) -> Iterator[Finding]:
    """Judge the certificates that the host's components serve.

    The host itself connects to them: the operator's machine may have no route, as behind a jump host.
    """
    if not served:
        return
    places = [f"{me.address}:{entry.port}" for entry in served]
    words = [_READ_SERVED, str(CONNECT_SECONDS), *places]
    output = host.check_output("python3 -c " + " ".join(shlex.quote(word) for word in words))
    answers: dict[str, str] = json.loads(output)
    for entry, place in zip(served, places, strict=True):
        pem = answers[place]
        if "BEGIN CERTIFICATE" not in pem:
            yield Finding(entry.name, ok=False, detail=f"no TLS on {place}: {pem}", starting=True)
            continue
        finding = judge_certificate(entry.name, pem, authorities[entry.authority], entry.authority, now)
        missing = find_missing_addresses(pem, entry.addresses) if finding.ok else []
        if missing:
            detail = f"its certificate does not name {', '.join(missing)}, renew it: kprov up"
            finding = Finding(entry.name, ok=False, detail=detail)
        yield finding


def find_missing_addresses(pem: str, addresses: Iterable[str]) -> list[str]:
    """Return the IP addresses that a certificate (PEM) does not name."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return list(addresses)
    named_addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return [address for address in addresses if address not in named_addresses]
