"""`kprov certs recover`: fetch the authorities and keys of a running cluster when `artifacts/pki` is lost.

Hosts have the certificates of all authorities, the keys of service account tokens and of secrets, and their
own certificates. They have the key of the cluster's authority if they sign certificate requests, and never
those of etcd's and the front proxies' authorities: `kprov certs rotate-ca` then replaces these. Only files
that are missing are written. Arguments: none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes

from kprov.errors import InputError, KprovError, PreflightError
from kprov.operations.cluster import Cluster
from kprov.operations.keys import recovery
from kprov.operations.keys.distribution import make_request
from kprov.operations.keys.host_copies import ADMIN, ENCRYPTION, read_copies
from kprov.operations.keys.recovery import Authority, Copy
from kprov.operations.lost_cluster import mark_created
from kprov.operations.membership import connect_cluster
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.preparation import make_pki_request
from kprov.operations.running_cluster import read_credentials
from kprov.operations.shared_credentials import find_lost_keys, find_mismatch
from kprov.pki import encryption_keys, files, lost_keys
from kprov.pki.ensure import write_admin_kubeconfig
from kprov.pki.table import AUTHORITIES, list_certificates


@dataclass
class Recovered:
    """What the hosts have. `files`: by their names below `pki/`, in the order in which they are written."""

    files: dict[str, bytes] = field(default_factory=dict)
    #: Authorities of which no host has the key.
    lost: list[str] = field(default_factory=list)
    #: What a plan says about the files, a line each, by their names.
    lines: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def list_phases(context: OperationContext) -> list[Phase]:
    """Return the phases: keys, kubeconfig. Raises KprovError if the hosts do not agree."""
    cluster = context.cluster
    connect_cluster(context, exists=True, has_keys=False)
    pki = cluster.artifacts / "pki"
    if (pki / "rotation").exists():
        text = "a rotation of the authorities is unfinished: run `kprov certs rotate-ca`"
        raise InputError(text, file=pki / "rotation")
    chosen = set(cluster.chosen())
    asked = [host for host in context.facts if host in chosen]
    recovered = combine(context, asked)
    _check_existing(context, asked)
    return [
        Phase(
            "Write the authorities and keys to artifacts/pki",
            lambda: _plan_files(pki, recovered),
            lambda: _write_files(context, pki, recovered),
        ),
        Phase(
            "Write the administrator's kubeconfig",
            lambda: _plan_kubeconfig(cluster, recovered),
            lambda: _write_kubeconfig(cluster),
        ),
    ]


def combine(context: OperationContext, hosts: list[str]) -> Recovered:
    """Read the copies of these hosts, and decide what to write. Raises KprovError."""
    cluster = context.cluster
    copies = recovery.group_by_name(read_copies(cluster, hosts))
    if "ca.crt" not in copies:
        names = ", ".join(hosts)
        raise KprovError(f"{names}: no host has the authority of a cluster; `kprov up` creates a cluster")
    recovered = Recovered()
    authorities = {name: _read_authority(name, copies, recovered) for name in AUTHORITIES}
    if "ca" in recovered.lost and cluster.any_variables.kube_sign_certificates:
        # The roles would copy the key to the hosts.
        text = (
            "no host has the key of the cluster's authority. Set it to false until `kprov certs rotate-ca` "
            "has replaced the authority"
        )
        file = cluster.engine.inventory.path
        raise InputError(text, file=file, field="kube_sign_certificates")
    pairs = _read_pairs(cluster, hosts, copies, authorities, recovered)
    tokens = recovery.read_service_account_keys(_require(copies, "sa.key"), _require(copies, "sa.pub"))
    keys = recovery.read_encryption_keys(copies.get(ENCRYPTION, []))
    # As long as an authority is missing, every other command refuses the folder: they are the last.
    recovered.files |= pairs | tokens
    recovered.lines["sa.key"] = _describe("sa.key", copies["sa.key"]) + (
        " with the public keys of earlier ones" if "sa-old.pub" in tokens else ""
    )
    if keys is not None:
        recovered.files[encryption_keys.NAME] = encryption_keys.render_keys(keys)
        names = f" ({', '.join(keys.names)})"
        recovered.lines[encryption_keys.NAME] = _describe(encryption_keys.NAME, copies[ENCRYPTION]) + names
    for name, authority in authorities.items():
        if authority.key is not None:
            recovered.files[f"{name}.key"] = authority.key
        recovered.files[f"{name}.crt"] = authority.pem
    return recovered


def _read_authority(name: str, copies: dict[str, list[Copy]], recovered: Recovered) -> Authority:
    """Return an authority, and say whose it is."""
    own, keys = _require(copies, f"{name}.crt"), copies.get(f"{name}.key", [])
    authority = recovery.read_authority(own, keys)
    digest = authority.certificates[0].fingerprint(hashes.SHA256()).hex()
    recovered.lines[f"{name}.crt"] = f"{_describe(f'{name}.crt', own)}, SHA-256 {digest}"
    if authority.key is None:
        recovered.lost.append(name)
    else:
        recovered.lines[f"{name}.key"] = _describe(f"{name}.key", keys)
    return authority


def _read_pairs(
    cluster: Cluster,
    hosts: list[str],
    copies: dict[str, list[Copy]],
    authorities: dict[str, Authority],
    recovered: Recovered,
) -> dict[str, bytes]:
    """Return the certificates with their keys that belong to the cluster. Raises PreflightError."""
    pairs: dict[str, bytes] = {}
    registries = [host for host in hosts if f"hosts/{host}/registry.crt" in copies]
    for spec in list_certificates(make_pki_request(cluster, registries)):
        host = spec.path.split("/")[1] if spec.path.startswith("hosts/") else ""
        if host and host not in hosts:
            continue
        authority = authorities[spec.authority]
        problem, pair = _find_pair(spec.path, copies, authority)
        if pair is None and authority.key is None:
            source = host or ", ".join(copy.host for copy in copies.get(ADMIN, [])) or hosts[0]
            text = f"{spec.path}.crt {problem}, and nothing can issue it: no host has {spec.authority}.key"
            raise PreflightError(source, text)
        if pair is None:
            recovered.notes.append(f"{spec.path}.crt {problem}: `kprov up` issues it")
            continue
        pairs[f"{spec.path}.key"], pairs[f"{spec.path}.crt"] = pair
    for host in hosts:
        count = sum(1 for name in pairs if name.startswith(f"hosts/{host}/") and name.endswith(".crt"))
        recovered.lines[f"hosts/{host}"] = f"hosts/{host}: {count} certificates with their keys from {host}"
    return pairs


def _find_pair(
    path: str, copies: dict[str, list[Copy]], authority: Authority
) -> tuple[str, tuple[bytes, bytes] | None]:
    """Return the key and the certificate of a path below `pki/`, or why there is no valid pair."""
    if path == ADMIN:
        candidates = [recovery.split_admin_kubeconfig(copy) for copy in copies.get(ADMIN, [])]
        pairs = [pair for pair in candidates if pair is not None]
    else:
        pairs = list(zip(copies.get(f"{path}.crt", []), copies.get(f"{path}.key", []), strict=False))
    problem = "is missing"
    for certificate, key in pairs:
        problem = recovery.find_pair_problem(certificate, key, authority)
        if not problem:
            return "", (key.content, certificate.content)
    return problem, None


def _require(copies: dict[str, list[Copy]], name: str) -> list[Copy]:
    if name not in copies:
        raise KprovError(f"no control plane host that was asked has {name}")
    return copies[name]


def _describe(name: str, copies: list[Copy]) -> str:
    return f"{name} from {', '.join(dict.fromkeys(copy.host for copy in copies))}"


def _check_existing(context: OperationContext, hosts: list[str]) -> None:
    """Raise InputError if the folder has an authority or a key of another cluster."""
    pki = context.cluster.artifacts / "pki"
    for name, copies in read_credentials(context.cluster, hosts).items():
        file = pki / name
        if not file.exists():
            continue
        find = find_lost_keys if name == encryption_keys.NAME else find_mismatch
        problem = find(file, copies)
        if problem is not None:
            raise InputError(f"{problem}. Move the folder away, and run the command again", file=file)


def _list_missing(pki: Path, recovered: Recovered) -> list[str]:
    """Return the files that the folder lacks. A certificate and its key are written together."""
    missing = []
    for name in recovered.files:
        stem = name.removesuffix(".crt").removesuffix(".key")
        pair = [f"{stem}.crt", f"{stem}.key"] if stem.startswith(("hosts/", ADMIN)) else [name]
        if not all((pki / part).exists() for part in pair):
            missing.append(name)
    return missing


def _plan_files(pki: Path, recovered: Recovered) -> list[str]:
    missing = _list_missing(pki, recovered)
    folders = dict.fromkeys(name.rpartition("/")[0] or name for name in missing)
    lines = [recovered.lines[name] for name in folders if name in recovered.lines]
    lines += [
        f"{name}.key is on no host: `kprov certs rotate-ca` replaces this authority"
        for name in recovered.lost
        if not lost_keys.is_lost(pki, name) and not (pki / f"{name}.key").exists()
    ]
    return lines + recovered.notes if lines else []


def _write_files(context: OperationContext, pki: Path, recovered: Recovered) -> None:
    missing = _list_missing(pki, recovered)
    for name in recovered.lost:
        files.make_folder(pki)
        if not (pki / f"{name}.key").exists():
            lost_keys.mark_lost(pki, name)
    for name in missing:
        path = pki / name
        files.make_folder(path.parent)
        mode = files.PUBLIC if path.suffix in (".crt", ".pub") else files.PRIVATE
        files.write_file(path, recovered.files[name], mode)
    # The mark tells `up` that the cluster exists.
    mark_created(context.cluster.artifacts)
    context.say(f"  {len(missing)} files written in {pki}")
    if lost_keys.list_lost(pki):
        context.say(f"  next: {lost_keys.ADVICE}")


def _plan_kubeconfig(cluster: Cluster, recovered: Recovered) -> list[str]:
    file = cluster.artifacts / "admin.conf"
    has_pair = f"{ADMIN}.crt" in recovered.files
    return [f"{file}"] if has_pair and not file.exists() else []


def _write_kubeconfig(cluster: Cluster) -> None:
    write_admin_kubeconfig(make_request(cluster))
