"""Service accounts and their tokens, and the authority in every namespace."""

from __future__ import annotations

import jwt
import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.servers import ApiServer

MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ROOT_CA = "kube-root-ca.crt"
DISCOVERY = "system:service-account-issuer-discovery"


def accounts(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/serviceaccounts"


@pytest.mark.entry("ServiceAccounts should allow opting out of API token automount")
def test_accounts_should_allow_opting_out_of_api_token_automount(governed: ApiServer, home: str) -> None:
    for name, says in (("mount", True), ("nomount", False)):
        body = {"metadata": {"name": name}, "automountServiceAccountToken": says}
        ok(governed, "POST", accounts(home), body)
    for account, by_account in (("default", True), ("mount", True), ("nomount", False)):
        for by_pod in (None, True, False):
            spec: JsonObject = {"containers": [{"name": "token-test", "image": "agnhost"}]}
            spec |= {"restartPolicy": "Never", "serviceAccountName": account}
            if by_pod is not None:
                spec["automountServiceAccountToken"] = by_pod
            body = {"metadata": {"generateName": "pod-"}, "spec": spec}
            made = ok(governed, "POST", f"/api/v1/namespaces/{home}/pods", body)
            mounts = [each["mountPath"] for each in made["spec"]["containers"][0].get("volumeMounts", [])]
            expected = by_account if by_pod is None else by_pod
            assert (MOUNT in mounts) is expected, (account, by_pod)


@pytest.mark.entry("ServiceAccounts should update a ServiceAccount")
def test_accounts_should_update_a_service_account(governed: ApiServer, home: str) -> None:
    body = {"metadata": {"name": "e2e"}, "automountServiceAccountToken": False}
    assert ok(governed, "POST", accounts(home), body)["automountServiceAccountToken"] is False
    found = ok(governed, "GET", f"{accounts(home)}/e2e") | {"automountServiceAccountToken": True}
    assert ok(governed, "PUT", f"{accounts(home)}/e2e", found)["automountServiceAccountToken"] is True


@pytest.mark.entry("ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview")
def test_accounts_should_create_a_token_and_ensure_a_successful_review(
    governed: ApiServer, home: str
) -> None:
    ok(governed, "POST", accounts(home), {"metadata": {"name": "e2e"}})
    token = ok(governed, "POST", f"{accounts(home)}/e2e/token", {"spec": {}})["status"]["token"]
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    status = ok(governed, "POST", path, {"spec": {"token": token}})["status"]
    assert (status["authenticated"], status.get("error", "")) == (True, "")
    assert status["user"]["username"] == f"system:serviceaccount:{home}:e2e"


@pytest.mark.entry("ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace")
def test_accounts_should_guarantee_the_root_ca_in_any_namespace(governed: ApiServer, home: str) -> None:
    path = f"/api/v1/namespaces/{home}/configmaps"
    eventually(lambda: governed.get(f"{path}/{ROOT_CA}").status == 200)
    uid = ok(governed, "GET", f"{path}/{ROOT_CA}")["metadata"]["uid"]
    ok(governed, "DELETE", f"{path}/{ROOT_CA}", {"gracePeriodSeconds": 0})
    eventually(lambda: governed.get(f"{path}/{ROOT_CA}").json["metadata"].get("uid", uid) != uid)
    emptied = {"metadata": {"name": ROOT_CA}, "data": {"ca.crt": ""}}
    ok(governed, "PUT", f"{path}/{ROOT_CA}", emptied)
    authority = governed.authority.file.read_text()
    eventually(lambda: ok(governed, "GET", f"{path}/{ROOT_CA}")["data"]["ca.crt"] == authority)


@pytest.mark.entry(
    "ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer",
    without="kubelet: the test is the client that runs in a pod",
)
def test_accounts_should_support_oidc_discovery_of_the_issuer(governed: ApiServer, home: str) -> None:
    audience = {"spec": {"audiences": ["oidc-discovery-test"]}}
    token = ok(governed, "POST", f"{accounts(home)}/default/token", audience)["status"]["token"]
    own = ok(governed, "POST", f"{accounts(home)}/default/token", {"spec": {}})["status"]["token"]
    roles = ok(governed, "GET", f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{DISCOVERY}")
    assert [each["name"] for each in roles["subjects"]] == ["system:serviceaccounts"]
    document = ok(governed, "GET", "/.well-known/openid-configuration", token=own)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert document["issuer"] == claims["iss"]
    assert document["response_types_supported"] == ["id_token"]
    assert document["jwks_uri"].endswith("/openid/v1/jwks")
    keys = jwt.PyJWKSet.from_dict(ok(governed, "GET", "/openid/v1/jwks", token=own))
    header = jwt.get_unverified_header(token)
    assert header["alg"] in document["id_token_signing_alg_values_supported"]
    verified = jwt.decode(
        token,
        keys[header["kid"]].key,
        algorithms=[header["alg"]],
        audience="oidc-discovery-test",
        issuer=document["issuer"],
    )
    assert verified["sub"] == f"system:serviceaccount:{home}:default"
    assert verified["kubernetes.io"]["namespace"] == home
    assert governed.get("/openid/v1/jwks", token="bob-token").status == 403
