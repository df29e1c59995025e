"""Users from certificates, from a front proxy's headers, and on behalf of others."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import NameAttribute
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from multidict import CIMultiDict

from kprov.kube.apiserver.authn.certificates import CertificateAuthenticator
from kprov.kube.apiserver.authn.front_proxy import FrontProxyAuthenticator
from kprov.kube.apiserver.authn.impersonation import Impersonator, has_headers
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery.status import StatusError
from tests.certificates import Issuer

UID = ObjectIdentifier("1.3.6.1.4.1.57683.2")


class Authority(Issuer):
    """A CA that issues client certificates."""

    def client(self, name: str, *groups: str, days: int = 1, **more: Any) -> tuple[bytes]:
        certificate, _ = self.issued(name, groups, days=days, **more)
        return (certificate.public_bytes(serialization.Encoding.DER),)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("ca")


@pytest.fixture
def certificates(authority: Authority) -> CertificateAuthenticator:
    return CertificateAuthenticator([authority.certificate])


def test_the_common_name_is_the_user_and_organizations_are_groups(
    authority: Authority, certificates: CertificateAuthenticator
) -> None:
    user = certificates.authenticate(authority.client("alice", "dev", "ops"))
    assert user is not None
    assert (user.name, user.groups) == ("alice", ("dev", "ops", "system:authenticated"))
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")


def test_a_certificate_of_another_authority_is_nobody(certificates: CertificateAuthenticator) -> None:
    assert certificates.authenticate(Authority("ca").client("alice")) is None


def test_a_serving_certificate_is_no_credential(
    authority: Authority, certificates: CertificateAuthenticator
) -> None:
    serving = authority.client("alice", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    assert certificates.authenticate(serving) is None


@pytest.mark.parametrize("times", [{"days": -1}, {"begins": 0.5}])
def test_a_certificate_that_is_not_in_force_is_refused(
    authority: Authority, certificates: CertificateAuthenticator, times: dict[str, Any]
) -> None:
    client = authority.client("alice", **times)
    for _ in range(2):
        with pytest.raises(StatusError):
            certificates.authenticate(client)
    assert certificates.is_rejected(client)
    assert not certificates.is_rejected(authority.client("alice"))


def test_a_certificate_of_an_authority_that_has_ended_is_refused() -> None:
    ended = Authority("ca", days=-1)
    certificates = CertificateAuthenticator([ended.certificate])
    with pytest.raises(StatusError):
        certificates.authenticate(ended.client("alice"))


def test_a_certificate_without_a_name_is_nobody_whatever_its_groups(
    authority: Authority, certificates: CertificateAuthenticator
) -> None:
    assert certificates.authenticate(authority.client("", "system:masters")) is None


def test_a_certificate_has_a_uid_and_its_last_name_counts(
    authority: Authority, certificates: CertificateAuthenticator
) -> None:
    more = [NameAttribute(UID, "u-1"), NameAttribute(NameOID.COMMON_NAME, "bob")]
    user = certificates.authenticate(authority.client("alice", more=more))
    assert user is not None
    assert (user.name, user.uid) == ("bob", "u-1")


def test_a_certificate_of_two_uids_is_refused(
    authority: Authority, certificates: CertificateAuthenticator
) -> None:
    more = [NameAttribute(UID, "u-1"), NameAttribute(UID, "u-2")]
    with pytest.raises(StatusError):
        certificates.authenticate(authority.client("alice", more=more))


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("system:anonymous", ()),
        ("alice", ("system:unauthenticated",)),
        ("alice", ("system:authenticated", "dev")),
    ],
)
def test_who_says_whether_they_are_authenticated_is_believed(
    authority: Authority, certificates: CertificateAuthenticator, name: str, groups: tuple[str, ...]
) -> None:
    user = certificates.authenticate(authority.client(name, *groups))
    assert user is not None
    assert user.groups == groups


@pytest.fixture
def front_proxy(authority: Authority, tmp_path: Path) -> FrontProxyAuthenticator:
    file = tmp_path / "ca.crt"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    options = Namespace(
        requestheader_client_ca_file=str(file),
        requestheader_allowed_names=["front-proxy-client"],
        requestheader_username_headers=["X-Remote-User"],
        requestheader_group_headers=["X-Remote-Group"],
        requestheader_uid_headers=["X-Remote-Uid"],
        requestheader_extra_headers_prefix=["X-Remote-Extra-"],
    )
    return FrontProxyAuthenticator(options)


def test_a_front_proxy_tells_who_asks(authority: Authority, front_proxy: FrontProxyAuthenticator) -> None:
    headers = CIMultiDict([
        ("X-Remote-User", "bob"),
        ("X-Remote-Uid", "u1"),
        ("X-Remote-Group", "a"),
        ("X-Remote-Group", "b"),
        ("X-Remote-Extra-Acme.com%2Fproject", "p1"),
    ])  # fmt: skip
    user = front_proxy.authenticate(headers, authority.client("front-proxy-client"))
    assert user is not None
    assert (user.name, user.groups) == ("bob", ("a", "b", "system:authenticated"))
    assert user.uid == "u1"
    assert user.extra == {"acme.com/project": ("p1",)}


def test_a_front_proxys_headers_count_only_with_its_certificate(
    authority: Authority, front_proxy: FrontProxyAuthenticator
) -> None:
    headers = CIMultiDict({"X-Remote-User": "bob"})
    assert front_proxy.authenticate(headers, Authority("other").client("front-proxy-client")) is None
    with pytest.raises(StatusError):
        front_proxy.authenticate(headers, authority.client("someone"))
    assert front_proxy.authenticate(CIMultiDict(), authority.client("front-proxy-client")) is None


def test_a_front_proxys_certificate_must_be_for_clients_and_in_force(
    authority: Authority, front_proxy: FrontProxyAuthenticator
) -> None:
    headers = CIMultiDict({"X-Remote-User": "bob"})
    serving = authority.client("front-proxy-client", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    assert front_proxy.authenticate(headers, serving) is None
    with pytest.raises(StatusError):
        front_proxy.authenticate(headers, authority.client("front-proxy-client", days=-1))


class Allows:
    """Allows to impersonate what it was given, and keeps what it was asked. verbs: allowed on anything else."""

    def __init__(self, *names: str, verbs: tuple[str, ...] = ("impersonate",)) -> None:
        self._names = names
        self._verbs = verbs
        self.asked: list[tuple[str, str, str, str]] = []

    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        self.asked.append((info.verb, info.resource, info.subresource, info.name))
        known = info.name in self._names or info.resource == "pods"
        return (Decision.ALLOW if known and info.verb in self._verbs else Decision.NO_OPINION), ""


ADMIN = UserInfo("admin")
LIST = RequestInfo(path="/api/v1/pods", verb="list", is_resource_request=True, resource="pods")


async def act(headers: Any, authorizer: Allows, user: UserInfo = ADMIN) -> tuple[UserInfo, str]:
    return await Impersonator(authorizer).impersonate(user, CIMultiDict(headers), LIST)


async def test_without_headers_one_is_oneself() -> None:
    assert not has_headers(CIMultiDict({"Accept": "x", "If-Match": "y"}))
    assert has_headers(CIMultiDict({"impersonate-uid": "x"}))
    assert await act({"Accept": "x"}, Allows()) == (ADMIN, "")


async def test_each_part_of_another_identity_is_asked_for() -> None:
    headers = [
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-scopes", "view"),
    ]
    authorizer = Allows("bob", "dev", "7", "view")
    user, constraint = await act(headers, authorizer)
    assert user == UserInfo("bob", ("dev", "system:authenticated"), "7", {"scopes": ("view",)})
    assert not constraint
    assert authorizer.asked == [
        ("impersonate-on:user-info:list", "pods", "", ""),
        ("impersonate", "users", "", "bob"),
        ("impersonate", "uids", "", "7"),
        ("impersonate", "groups", "", "dev"),
        ("impersonate", "userextras", "scopes", "view"),
    ]


async def test_the_narrow_right_is_for_what_is_requested_and_for_whom() -> None:
    verbs = ("impersonate-on:user-info:list", "impersonate:user-info")
    assert await act({"Impersonate-User": "bob"}, Allows("bob", verbs=verbs)) == (
        UserInfo("bob", ("system:authenticated",)),
        "impersonate:user-info",
    )
    with pytest.raises(StatusError):
        await act({"Impersonate-User": "bob"}, Allows("bob", verbs=verbs[1:]))
    masters = [("Impersonate-User", "bob"), ("Impersonate-Group", "system:masters")]
    with pytest.raises(StatusError, match="system:masters group is not allowed"):
        await act(masters, Allows("bob", "system:masters", verbs=verbs))


async def test_a_nodes_agent_may_be_its_own_node() -> None:
    verbs = ("impersonate-on:associated-node:list", "impersonate:associated-node")
    agent = UserInfo(
        "system:serviceaccount:kube-system:agent",
        extra={"authentication.kubernetes.io/node-name": ("n1",)},
    )
    user, constraint = await act({"Impersonate-User": "system:node:n1"}, Allows("*", verbs=verbs), agent)
    assert user == UserInfo("system:node:n1", ("system:nodes", "system:authenticated"))
    assert constraint == "impersonate:associated-node"
    with pytest.raises(StatusError):
        await act({"Impersonate-User": "system:node:n2"}, Allows("*", verbs=verbs), agent)


async def test_a_group_that_one_may_not_take_on_is_refused() -> None:
    headers = [("Impersonate-User", "bob"), ("Impersonate-Group", "system:masters")]
    with pytest.raises(StatusError) as caught:
        await act(headers, Allows("bob"))
    assert caught.value.code == 403


async def test_a_service_account_brings_its_groups() -> None:
    user, _ = await act({"Impersonate-User": "system:serviceaccount:default:web"}, Allows("web"))
    assert user.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:default",
        "system:authenticated",
    )


async def test_groups_without_a_user_are_a_bad_request() -> None:
    with pytest.raises(StatusError) as caught:
        await act({"Impersonate-Group": "dev"}, Allows("dev"))
    assert caught.value.code == 400
    assert caught.value.message == (
        "requested groups, a uid or extra values without impersonating a user name"
    )
