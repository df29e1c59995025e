"""The PKI is made once, kept, and renewed where it no longer fits."""

from __future__ import annotations

import base64
import datetime as dt
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kprov.errors import InputError
from kprov.pki.ensure import ensure_pki
from kprov.pki.inspect import list_certificates
from kprov.pki.request import PkiHost, PkiRequest, Role

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
ALL: frozenset[Role] = frozenset(("control_plane", "etcd", "node"))
EVERYTHING = {
    "apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-client", "controller-manager",
    "scheduler", "kubelet-client", "kubelet", "kube-proxy", "cluster-dns", "pod-network", "local-path-provisioner",
    "etcd-server", "etcd-peer", "etcd-healthcheck-client",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PkiRequest:
    """A PKI that was made at NOW."""
    hosts = (
        PkiHost("n1", ("10.0.0.1",), frozenset({"control_plane", "etcd", "node"})),
        PkiHost("n2", ("10.0.0.2", "fd00::2"), frozenset({"node"})),
    )
    request = PkiRequest(
        tmp_path_factory.mktemp("pki") / "artifacts", hosts, vip="10.0.0.100", extra_sans=("api.example.org",)
    )
    assert ensure_pki(request, now=NOW)
    return request


@pytest.fixture
def request_for(made: PkiRequest, tmp_path: Path) -> PkiRequest:
    """The same in a folder of the test's own."""
    shutil.copytree(made.artifacts, tmp_path / "artifacts")
    return replace(made, artifacts=tmp_path / "artifacts")


def certificate(request: PkiRequest, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((request.pki / f"{name}.crt").read_bytes())


def subject(certificate: x509.Certificate) -> dict[str, str]:
    names = {NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATION_NAME: "O"}
    return {names[attribute.oid]: str(attribute.value) for attribute in certificate.subject}


def test_every_host_gets_the_certificates_of_its_roles(request_for: PkiRequest) -> None:
    hosts = request_for.pki / "hosts"
    assert {path.stem for path in (hosts / "n1").glob("*.crt")} == EVERYTHING
    assert {path.stem for path in (hosts / "n2").glob("*.crt")} == {
        "kubelet-client", "kubelet", "kube-proxy", "cluster-dns", "pod-network", "local-path-provisioner",
    }  # fmt: skip
    assert {path.name for path in (hosts / "n2").glob("*.conf")} == {
        "kubelet.conf", "kube-proxy.conf", "cluster-dns.conf", "pod-network.conf",
        "local-path-provisioner.conf",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "authority", "wanted"),
    [
        ("admin", "ca", {"O": "system:masters", "CN": "kubernetes-admin"}),
        ("hosts/n1/apiserver", "ca", {"CN": "kube-apiserver"}),
        (
            "hosts/n1/apiserver-kubelet-client",
            "ca",
            {"O": "kubeadm:cluster-admins", "CN": "kube-apiserver-kubelet-client"},
        ),
        ("hosts/n1/apiserver-etcd-client", "etcd-ca", {"CN": "kube-apiserver-etcd-client"}),
        ("hosts/n1/front-proxy-client", "front-proxy-ca", {"CN": "front-proxy-client"}),
        ("hosts/n1/controller-manager", "ca", {"CN": "system:kube-controller-manager"}),
        ("hosts/n1/scheduler", "ca", {"CN": "system:kube-scheduler"}),
        ("hosts/n2/kubelet-client", "ca", {"O": "system:nodes", "CN": "system:node:n2"}),
        ("hosts/n2/kube-proxy", "ca", {"CN": "system:kube-proxy"}),
        ("hosts/n2/pod-network", "ca", {"O": "system:node:n2", "CN": "system:kprov:pod-network"}),
        (
            "hosts/n2/local-path-provisioner",
            "ca",
            {"O": "system:node:n2", "CN": "system:kprov:local-path-provisioner"},
        ),
        ("hosts/n1/etcd-peer", "etcd-ca", {"CN": "n1"}),
    ],
)
def test_subjects_and_authorities_are_upstreams(
    request_for: PkiRequest, name: str, authority: str, wanted: dict[str, str]
) -> None:
    found = certificate(request_for, name)
    assert subject(found) == wanted
    found.verify_directly_issued_by(certificate(request_for, authority))


def test_the_api_server_is_valid_under_all_its_names(request_for: PkiRequest) -> None:
    names = certificate(request_for, "hosts/n1/apiserver").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert set(names.value.get_values_for_type(x509.DNSName)) == {
        "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
        "localhost", "n1", "api.example.org",
    }  # fmt: skip
    addresses = {str(address) for address in names.value.get_values_for_type(x509.IPAddress)}
    assert addresses == {"10.0.0.1", "10.0.0.100", "10.233.0.1", "127.0.0.1"}


def test_every_api_server_is_valid_where_the_load_balancers_of_the_others_are(tmp_path: Path) -> None:
    hosts = tuple(PkiHost(f"c{n}", (f"10.0.0.{n}",), frozenset({"control_plane"})) for n in (1, 2))
    request = PkiRequest(tmp_path / "artifacts", hosts)
    ensure_pki(request, now=NOW)
    for host in hosts:
        names = certificate(request, f"hosts/{host.name}/apiserver").extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        addresses = {str(address) for address in names.value.get_values_for_type(x509.IPAddress)}
        assert {"10.0.0.1", "10.0.0.2"} <= addresses


def test_etcd_members_are_servers_and_clients(request_for: PkiRequest) -> None:
    usage = certificate(request_for, "hosts/n1/etcd-peer").extensions.get_extension_for_class(
        x509.ExtendedKeyUsage
    )
    assert set(usage.value) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_no_key_can_be_read_by_others(request_for: PkiRequest) -> None:
    private = [*request_for.pki.rglob("*.key"), *request_for.artifacts.rglob("*.conf")]
    assert len(private) > 20
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    folders = [path for path in request_for.artifacts.rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_a_second_run_changes_nothing(request_for: PkiRequest) -> None:
    before = {path: path.read_bytes() for path in request_for.artifacts.rglob("*") if path.is_file()}
    assert ensure_pki(request_for, now=NOW + dt.timedelta(days=300)) == []
    assert before == {path: path.read_bytes() for path in request_for.artifacts.rglob("*") if path.is_file()}


def test_what_expires_within_a_month_is_issued_again_authorities_are_not(request_for: PkiRequest) -> None:
    changed = ensure_pki(request_for, now=NOW + dt.timedelta(days=340))
    assert "hosts/n1/apiserver.crt: expires 2027-05-01" in changed
    assert not [line for line in changed if "ca.crt" in line]


def test_a_changed_address_renews_only_what_carries_it(request_for: PkiRequest) -> None:
    first, second = request_for.hosts
    moved = replace(request_for, hosts=(first, replace(second, addresses=("10.0.0.22",))))
    assert ensure_pki(moved, now=NOW) == ["hosts/n2/kubelet.crt: the names and addresses changed"]


def test_a_new_authority_renews_what_it_signs(request_for: PkiRequest) -> None:
    for name in ("front-proxy-ca.crt", "front-proxy-ca.key"):
        (request_for.pki / name).unlink()
    assert ensure_pki(request_for, now=NOW) == [
        "front-proxy-ca.crt: new",
        "hosts/n1/front-proxy-client.crt: was signed by another authority",
    ]


def test_an_authority_without_its_key_is_not_replaced(request_for: PkiRequest) -> None:
    (request_for.pki / "ca.key").unlink()
    with pytest.raises(InputError, match=r"ca\.key: is missing but ca\.crt exists"):
        ensure_pki(request_for, now=NOW)


def test_a_broken_certificate_and_a_key_of_another_are_replaced(request_for: PkiRequest) -> None:
    host = request_for.pki / "hosts/n2"
    (host / "kubelet.crt").write_text("gone")
    (host / "kube-proxy.key").write_bytes((host / "kubelet.key").read_bytes())
    changed = ensure_pki(request_for, now=NOW)
    assert [line.split(":")[0] for line in changed] == ["hosts/n2/kubelet.crt", "hosts/n2/kube-proxy.crt"]


def test_permissions_that_were_widened_are_taken_back(request_for: PkiRequest) -> None:
    key = request_for.pki / "ca.key"
    key.chmod(0o644)
    assert ensure_pki(request_for, now=NOW) == ["ca.key: permissions restricted"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_kubeconfigs_of_a_host_name_files_there(request_for: PkiRequest) -> None:
    config = yaml.safe_load((request_for.pki / "hosts/n1/kubelet.conf").read_text())
    assert config["clusters"][0]["cluster"] == {
        "certificate-authority": "/etc/kubernetes/pki/node-ca.crt",
        "server": "https://127.0.0.1:8443",
    }
    assert config["users"][0]["user"] == {
        "client-certificate": "/etc/kubernetes/pki/kubelet-client.crt",
        "client-key": "/etc/kubernetes/pki/kubelet-client.key",
    }


def test_kubeconfigs_name_the_folder_that_the_inventory_gives_certificates(request_for: PkiRequest) -> None:
    ensure_pki(replace(request_for, cert_dir="/etc/kubernetes/ssl"), now=NOW)
    for path in (request_for.pki / "hosts/n1").glob("*.conf"):
        assert "/etc/kubernetes/pki" not in path.read_text()
        name = "ca.crt" if path.stem in ("controller-manager", "scheduler") else "node-ca.crt"
        assert f"/etc/kubernetes/ssl/{name}" in path.read_text()


def test_the_administrators_kubeconfig_needs_no_other_file(request_for: PkiRequest) -> None:
    config = yaml.safe_load((request_for.artifacts / "admin.conf").read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    assert cluster["server"] == "https://10.0.0.100:8443"
    assert base64.b64decode(user["client-certificate-data"]) == (request_for.pki / "admin.crt").read_bytes()
    assert config["current-context"] == config["contexts"][0]["name"]


def test_without_a_virtual_address_the_administrator_goes_to_the_first_control_plane_host(
    tmp_path: Path,
) -> None:
    hosts = (PkiHost("w", ("10.0.0.9",), frozenset(("node",))), PkiHost("c", ("10.0.0.8",), ALL))
    assert PkiRequest(tmp_path, hosts).api_address == "10.0.0.8"


def test_the_listing_says_what_is_over(request_for: PkiRequest) -> None:
    rows = {row.name: row for row in list_certificates(request_for.pki, now=NOW + dt.timedelta(days=366))}
    assert rows["ca.crt"].state == "valid"
    assert rows["hosts/n1/kubelet.crt"].state == "expired"
    assert rows["hosts/n1/kubelet.crt"].subject == "O=system:nodes, CN=system:node:n1"


def test_wrong_addresses_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"address of n1: '10\.0\.0\.300'"):
        PkiRequest(tmp_path, (PkiHost("n1", ("10.0.0.300",), ALL),))


def test_only_a_host_with_a_registry_has_its_certificate(request_for: PkiRequest) -> None:
    first, second = request_for.hosts
    serving = replace(second, roles=second.roles | {"registry"})
    assert ensure_pki(replace(request_for, hosts=(first, serving)), now=NOW)
    assert not (request_for.pki / "hosts/n1/registry.crt").exists()
    found = certificate(request_for, "hosts/n2/registry")
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} == {
        "10.0.0.2",
        "fd00::2",
        "127.0.0.1",
    }
    usages = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
