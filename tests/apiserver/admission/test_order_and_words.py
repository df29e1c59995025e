"""What is refused first, and in which words, where several plugins and rules have a say; against a real server."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.apiserver.servers import ApiServer, running
from tests.builders.pods import build_pod

RBAC = "/apis/rbac.authorization.k8s.io/v1"
DEFAULT = "/api/v1/namespaces/default"
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    flags = "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement"
    with running(tmp_path_factory.mktemp("words"), flags) as (_, server):
        granting = {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["roles", "rolebindings", "clusterrolebindings"],
            "verbs": ["create"],
        }
        writing = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}
        role = {"metadata": {"name": "granting"}, "rules": [granting, writing]}
        assert server.post(f"{RBAC}/clusterroles", role).status == 201
        binding = {
            "metadata": {"name": "granting"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "granting"},
            "subjects": [{"kind": "User", "name": "alice"}],
        }
        assert server.post(f"{RBAC}/clusterrolebindings", binding).status == 201
        server.post(f"{DEFAULT}/serviceaccounts", {"metadata": {"name": "default"}})
        yield server


def test_escalation_is_rejected_before_validation(server: ApiServer) -> None:
    rule = {"nonResourceURLs": ["/x"], "verbs": ["get"]}
    role = {"metadata": {"name": "wrong"}, "rules": [rule]}
    path = f"{RBAC}/namespaces/default/roles"
    refused = server.post(path, role, token="alice-token")
    assert refused.status == 403
    assert "is attempting to grant RBAC permissions not currently held" in refused.json["message"]
    assert server.post(path, role).status == 422


@pytest.mark.parametrize(
    ("plural", "reference", "code", "message"),
    [
        (
            "clusterrolebindings",
            {"kind": "ClusterRole", "name": "none"},
            404,
            'clusterrolebindings.rbac.authorization.k8s.io "none" not found',
        ),
        (
            "namespaces/default/rolebindings",
            {"kind": "Role", "name": "none"},
            404,
            'rolebindings.rbac.authorization.k8s.io "none" not found',
        ),
        ("clusterrolebindings", {"kind": "Role", "name": "none"}, 400, "Namespace parameter required."),
        ("clusterrolebindings", {"kind": "ClusterRole", "name": ""}, 400, "Name parameter required."),
    ],
)
def test_a_binding_to_a_role_that_cannot_be_read(
    server: ApiServer, plural: str, reference: dict[str, str], code: int, message: str
) -> None:
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", **reference},
        "subjects": [{"kind": "Nobody", "name": "x"}],
    }
    refused = server.post(f"{RBAC}/{plural}", binding, token="alice-token")
    assert (refused.status, refused.json["message"]) == (code, message)


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [({"generateName": "web-"}, ' "web-"'), ({}, ' "Unknown"'), ({"name": "a"}, ' "a"')],
)
def test_a_refusal_before_a_name_is_made_shows_what_it_is_made_of(
    server: ApiServer, metadata: dict[str, str], shown: str
) -> None:
    body = build_pod("web", serviceAccountName="none") | {"metadata": metadata}
    message = server.post(f"{DEFAULT}/pods", body).json["message"]
    assert message.startswith(f"pods{shown} is forbidden: error looking up service account default/none")


def test_a_kubelet_sets_no_source_of_its_configuration(server: ApiServer) -> None:
    source = {"configMap": {"name": "x", "namespace": "y", "kubeletConfigKey": "k"}}
    node = {"metadata": {"name": "n1"}, "spec": {"configSource": source}}
    refused = server.post("/api/v1/nodes", node, token="node-token")
    text = 'node "n1" is not allowed to create pods with a non-nil configSource'
    assert refused.json["message"] == f'nodes "n1" is forbidden: {text}'
    assert server.post("/api/v1/nodes", node | {"spec": {}}, token="node-token").status == 201
    change = {"spec": {"configSource": source}}
    refused = server.ask("PATCH", "/api/v1/nodes/n1", change, token="node-token", content_type=MERGE)
    assert refused.json["message"].endswith(
        "is not allowed to update configSource to a new non-nil configSource"
    )


def test_a_kubelet_evicts_no_pod_that_is_not_there(server: ApiServer) -> None:
    eviction = {"metadata": {"name": "other"}}
    refused = server.post(f"{DEFAULT}/pods/none/eviction", eviction, token="node-token")
    assert (refused.status, refused.json["message"]) == (404, 'pod "none" not found')


def signing_request(*names: str) -> dict[str, Any]:
    """What asks for a kubelet's serving certificate; names: the common names of its subject."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    request = b64encode(made.public_bytes(serialization.Encoding.PEM) if names else b"x").decode()
    spec = {"request": request, "signerName": "kubernetes.io/kubelet-serving", "usages": ["server auth"]}
    return {"metadata": {"generateName": "csr-"}, "spec": spec}


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("system:node:n1", "system:node:n2"), "can only create a node CSR with CN=system:node:n1"),
        ((), "unable to parse csr: PEM block type must be CERTIFICATE REQUEST"),
    ],
)
def test_a_kubelet_asks_for_its_own_certificate_only(
    server: ApiServer, names: tuple[str, ...], text: str
) -> None:
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    refused = server.post(path, signing_request(*names), token="node-token")
    message = f'certificatesigningrequests.certificates.k8s.io "csr-" is forbidden: {text}'
    assert (refused.status, refused.json["message"]) == (403, message)


def test_nothing_new_in_a_namespace_that_ends(server: ApiServer) -> None:
    server.post("/api/v1/namespaces", {"metadata": {"name": "ending", "finalizers": ["a/b"]}})
    server.ask("DELETE", "/api/v1/namespaces/ending")
    refused = server.post("/api/v1/namespaces/ending/configmaps", {"metadata": {"generateName": "x-"}})
    assert refused.status == 403
    assert refused.json["message"].startswith('configmaps "x-" is forbidden: unable to create new content')
    (cause,) = refused.json["details"]["causes"]
    assert cause["reason"] == "NamespaceTerminating"


def test_the_servers_own_priority_classes_stay(server: ApiServer) -> None:
    path = "/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical"
    refused = server.ask("DELETE", path)
    assert refused.status == 403
    assert refused.json["message"].endswith("this is a system priority class and cannot be deleted")


def test_an_owner_of_a_kind_that_is_not_there(server: ApiServer) -> None:
    owner = {"apiVersion": "v1", "kind": "None", "name": "p", "uid": "u", "blockOwnerDeletion": True}
    body = {"metadata": {"name": "owned", "ownerReferences": [owner]}}
    refused = server.post(f"{DEFAULT}/configmaps", body, token="alice-token")
    assert refused.json["message"].endswith(
        'cannot find RESTMapping for APIVersion v1 Kind None: no matches for kind "None" in version "v1"'
    )
    owner["apiVersion"] = "a/b/c"
    refused = server.post(f"{DEFAULT}/configmaps", body, token="alice-token")
    assert refused.status == 422
    assert refused.json["message"].endswith('Invalid value: "a/b/c": version must not be empty')


@pytest.mark.parametrize(
    ("annotation", "of_pod", "taken", "warned"),
    [
        ("unconfined", None, {"type": "Unconfined"}, True),
        ("localhost/own", None, {"type": "Localhost", "localhostProfile": "own"}, True),
        ("runtime/default", {"type": "RuntimeDefault"}, None, False),
    ],
)
def test_apparmor_annotations_become_fields(
    server: ApiServer, annotation: str, of_pod: Any, taken: Any, warned: bool
) -> None:
    body = build_pod("web", securityContext={"appArmorProfile": of_pod} if of_pod else {})
    body["metadata"]["annotations"] = {"container.apparmor.security.beta.kubernetes.io/c": annotation}
    made = server.post(f"{DEFAULT}/pods?dryRun=All", body)
    (container,) = made.json["spec"]["containers"]
    assert (container.get("securityContext") or {}).get("appArmorProfile") == taken
    assert any("deprecated since v1.30" in warning for warning in made.warnings) is warned


def test_the_annotation_of_an_ingress_class_is_warned_of(server: ApiServer) -> None:
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    annotations = {"kubernetes.io/ingress.class": "z"}
    ingress = {"metadata": {"name": "i", "annotations": annotations}, "spec": {"defaultBackend": backend}}
    made = server.post("/apis/networking.k8s.io/v1/namespaces/default/ingresses", ingress)
    (warning,) = made.warnings
    assert "is deprecated, please use 'spec.ingressClassName' instead" in warning


def test_an_aggregation_selects_something(server: ApiServer) -> None:
    role = {"metadata": {"name": "sum"}, "aggregationRule": {"clusterRoleSelectors": []}}
    refused = server.post(f"{RBAC}/clusterroles", role)
    (cause,) = refused.json["details"]["causes"]
    assert cause["field"] == "aggregationRule.clusterRoleSelectors"
    assert cause["message"].endswith(
        "at least one clusterRoleSelector required if aggregationRule is non-nil"
    )


def test_a_too_large_config_map_is_rejected_without_a_field(server: ApiServer) -> None:
    body = {"metadata": {"name": "big"}, "data": {"a": "x" * (2**20 + 1)}}
    message = server.post(f"{DEFAULT}/configmaps", body).json["message"]
    assert message == 'ConfigMap "big" is invalid: []: Too long: may not be more than 1048576 bytes'


@pytest.mark.parametrize(
    ("path", "spec", "but"),
    [
        ("flowschemas/catch-all", {"matchingPrecedence": 5}, ""),
        ("prioritylevelconfigurations/catch-all", {"limited": {"lendablePercent": 5}}, ""),
        ("prioritylevelconfigurations/exempt", {"limited": {}}, " except the 'spec.exempt' field"),
    ],
)
def test_what_the_server_cannot_do_without_stays_as_it_is(
    server: ApiServer, path: str, spec: dict[str, Any], but: str
) -> None:
    url = f"/apis/flowcontrol.apiserver.k8s.io/v1/{path}"
    refused = server.ask("PATCH", url, {"spec": spec}, content_type=MERGE)
    assert refused.status == 422
    name = path.partition("/")[2]
    assert refused.json["message"].rstrip("]").endswith(f"spec of '{name}'{but} must equal the fixed value")


def test_the_exempt_level_may_lend(server: ApiServer) -> None:
    url = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/exempt"
    body = {"spec": {"exempt": {"lendablePercent": 5}}}
    assert server.ask("PATCH", f"{url}?dryRun=All", body, content_type=MERGE).status == 200
