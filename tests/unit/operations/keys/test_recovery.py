"""Hosts' copies become the authorities and keys of a cluster only if they agree and belong together."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kprov.errors import PreflightError
from kprov.operations.keys import recovery
from kprov.operations.keys.recovery import Copy
from kprov.pki import issue
from kprov.pki.table import CertificateSpec

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
PATH, KEY_PATH = "/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.key"


class Signer:
    """An authority with its key."""

    def __init__(self, name: str = "kubernetes") -> None:
        self.key = issue.new_key()
        self.certificate = issue.new_authority(name, self.key, NOW)
        self.pem = issue.certificate_pem(self.certificate)
        self.key_pem = issue.key_pem(self.key)

    def issue(self) -> tuple[bytes, bytes]:
        """Return a certificate of a host and its key."""
        key = issue.new_key()
        spec = CertificateSpec("hosts/node1/scheduler", "ca", "system:kube-scheduler")
        certificate = issue.issue_certificate(spec, key, self.certificate, self.key, NOW)
        return issue.certificate_pem(certificate), issue.key_pem(key)


def on_hosts(*contents: bytes, path: str = PATH) -> list[Copy]:
    return [Copy(f"node{number}", path, content) for number, content in enumerate(contents, 1)]


def test_an_authority_is_what_all_hosts_have(signer: Signer) -> None:
    found = recovery.read_authority(on_hosts(signer.pem, signer.pem + b"\n# a note\n"), [])
    assert found.pem == signer.pem
    assert found.key is None


def test_the_host_that_has_another_authority_is_named(signer: Signer) -> None:
    other = Signer()
    with pytest.raises(PreflightError) as caught:
        recovery.read_authority(on_hosts(signer.pem, signer.pem, other.pem), [])
    text = str(caught.value)
    assert text.startswith(f"node3: {PATH} differs from {PATH} of node1, {PATH} of node2")
    assert "--limit" in text
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ids=["nothing", "bytes", "damaged"],
)
def test_what_is_no_authority_is_refused_with_its_host(signer: Signer, content: bytes) -> None:
    with pytest.raises(
        PreflightError, match=rf"^node2: {PATH} does not have the certificate of an authority"
    ):
        recovery.read_authority(on_hosts(signer.pem, content), [])


def test_the_certificate_of_a_host_is_no_authority(signer: Signer) -> None:
    certificate, _ = signer.issue()
    with pytest.raises(PreflightError, match="does not have the certificate of an authority"):
        recovery.read_authority(on_hosts(certificate), [])


def test_a_host_cannot_add_authorities_without_end(signer: Signer) -> None:
    with pytest.raises(PreflightError, match="does not have the certificate of an authority"):
        recovery.read_authority(on_hosts(signer.pem * 5), [])


def test_the_key_must_belong_to_the_authority(signer: Signer) -> None:
    keys = on_hosts(signer.key_pem, Signer().key_pem, path=KEY_PATH)
    with pytest.raises(PreflightError, match=f"^node2: {KEY_PATH} is not the key of {PATH}"):
        recovery.read_authority(on_hosts(signer.pem, signer.pem), keys)
    found = recovery.read_authority(on_hosts(signer.pem, signer.pem), keys[:1])
    assert found.key == signer.key_pem


def test_during_a_rotation_the_first_authority_has_the_key(signer: Signer) -> None:
    new = Signer()
    bundle = new.pem + signer.pem
    found = recovery.read_authority(on_hosts(bundle, bundle), on_hosts(new.key_pem, path=KEY_PATH))
    assert found.pem == bundle
    # Hosts may have certificates of either.
    for authority in (signer, new):
        certificate, key = (Copy("node1", PATH, part) for part in authority.issue())
        assert recovery.find_pair_problem(certificate, key, found) == ""


def test_a_pair_must_belong_together_and_to_the_cluster(signer: Signer) -> None:
    authority = recovery.read_authority(on_hosts(signer.pem), [])
    pem, key_pem = signer.issue()
    certificate, key = Copy("node1", "/x.crt", pem), Copy("node1", "/x.key", key_pem)
    assert recovery.find_pair_problem(certificate, key, authority) == ""
    assert recovery.find_pair_problem(certificate, None, authority) == "is missing"
    other = Copy("node1", "/x.key", signer.issue()[1])
    assert recovery.find_pair_problem(certificate, other, authority) == "does not belong to /x.key"
    foreign = [Copy("node1", "/x", part) for part in Signer().issue()]
    assert "was not issued" in recovery.find_pair_problem(foreign[0], foreign[1], authority)
    damaged = Copy("node1", "/x.key", b"x")
    assert recovery.find_pair_problem(certificate, damaged, authority) == "is not a certificate with its key"


def test_tokens_of_earlier_keys_stay_valid() -> None:
    own, old = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    publics = issue.public_pem(own) + issue.public_pem(old)
    private = on_hosts(issue.key_pem(own), issue.key_pem(own))
    files = recovery.read_service_account_keys(private, on_hosts(publics, publics))
    assert files == {
        "sa.key": issue.key_pem(own),
        "sa-old.pub": issue.public_pem(old),
        "sa.pub": publics,
    }
    alone = on_hosts(issue.public_pem(own), issue.public_pem(own))
    assert list(recovery.read_service_account_keys(private, alone)) == ["sa.key", "sa.pub"]
    with pytest.raises(PreflightError, match=r"^node2: "):
        recovery.read_service_account_keys(private, on_hosts(publics, issue.public_pem(own), publics)[:2])
    with pytest.raises(PreflightError, match="has not the key of"):
        recovery.read_service_account_keys(private, on_hosts(issue.public_pem(old)))


CONFIGURATION = """apiVersion: apiserver.config.k8s.io/v1
resources:
  - resources: ["secrets"]
    providers:
      - secretbox:
          keys:
            - name: key2
              secret: {second}
            - name: key1
              secret: {first}
      - aesgcm:
          keys:
            - name: key2
              secret: {second}
            - name: key1
              secret: {first}
"""


def test_encryption_keys_keep_their_order() -> None:
    first, second = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
    text = CONFIGURATION.format(first=first, second=second).encode()
    keys = recovery.read_encryption_keys(on_hosts(text, text))
    assert keys is not None
    assert keys.keys == ({"name": "key2", "secret": second}, {"name": "key1", "secret": first})
    assert recovery.read_encryption_keys([]) is None
    swapped = CONFIGURATION.format(first=second, second=first).encode()
    with pytest.raises(PreflightError, match=r"^node3: ") as caught:
        recovery.read_encryption_keys(on_hosts(text, text, swapped))
    assert first not in str(caught.value)
    with pytest.raises(PreflightError, match="does not have the encryption keys"):
        recovery.read_encryption_keys(on_hosts(b"keys: []"))


def test_the_administrators_pair_is_taken_out_of_a_kubeconfig(signer: Signer) -> None:
    pem, key = signer.issue()
    parts = (base64.b64encode(part).decode() for part in (pem, key))
    text = "users:\n- user:\n    client-certificate-data: {}\n    client-key-data: {}\n".format(*parts)
    pair = recovery.split_admin_kubeconfig(Copy("node1", "/admin.conf", text.encode()))
    assert pair is not None
    assert [copy.content for copy in pair] == [pem, key]
    assert recovery.split_admin_kubeconfig(Copy("node1", "/admin.conf", b"client-key-data: AAA")) is None


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()
