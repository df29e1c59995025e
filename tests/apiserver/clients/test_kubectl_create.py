"""Every generator of `kubectl create`, and expose, autoscale and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.clients.kubectl import Kubectl
from tests.apiserver.servers import Authority

#: Arguments, what is read back, and a part of it.
GENERATORS: list[tuple[str, str, dict[str, Any]]] = [
    ("configmap c --from-literal=a=b", "configmap c", {"data": {"a": "b"}}),
    ("secret generic s --from-literal=a=b", "secret s", {"type": "Opaque", "data": {"a": "Yg=="}}),
    (
        "secret docker-registry s --docker-server=r.example --docker-username=u --docker-password=p",
        "secret s",
        {"type": "kubernetes.io/dockerconfigjson"},
    ),
    ("deployment d --image=i --replicas=2 --port=80", "deployment d", {"spec": {"replicas": 2}}),
    ("service clusterip s --tcp=80:8080", "service s", {"spec": {"type": "ClusterIP"}}),
    ("service clusterip s --clusterip=None", "service s", {"spec": {"clusterIP": "None"}}),
    ("service nodeport s --tcp=80", "service s", {"spec": {"type": "NodePort"}}),
    ("service loadbalancer s --tcp=80", "service s", {"spec": {"type": "LoadBalancer"}}),
    (
        "service externalname s --external-name=e.example",
        "service s",
        {"spec": {"externalName": "e.example"}},
    ),
    (
        "role r --verb=get,list --resource=pods,deployments.apps --resource-name=a",
        "role r",
        {
            "rules": [
                {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]},
                {
                    "verbs": ["get", "list"],
                    "apiGroups": ["apps"],
                    "resources": ["deployments"],
                    "resourceNames": ["a"],
                },
            ]
        },
    ),
    (
        "rolebinding b --clusterrole=view --user=u --group=g --serviceaccount=n:a",
        "rolebinding b",
        {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}},
    ),
    ("serviceaccount a", "serviceaccount a", {"metadata": {"name": "a"}}),
    (
        "quota q --hard=pods=2,requests.cpu=1000m --scopes=NotTerminating",
        "quota q",
        {"spec": {"hard": {"pods": "2", "requests.cpu": "1"}, "scopes": ["NotTerminating"]}},
    ),
    ("poddisruptionbudget p --selector=a=b --min-available=1", "pdb p", {"spec": {"minAvailable": 1}}),
    ("job j --image=i -- date", "job j", {"spec": {"completions": 1, "parallelism": 1}}),
    ("cronjob c --image=i --schedule=@daily", "cronjob c", {"spec": {"schedule": "@daily"}}),
    (
        "ingress i --class=c --rule=h.example/p*=s:80,tls=t",
        "ingress i",
        {"spec": {"ingressClassName": "c", "tls": [{"hosts": ["h.example"], "secretName": "t"}]}},
    ),
]


def contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    return bool(whole == part)


@pytest.mark.parametrize(("arguments", "made", "part"), GENERATORS, ids=[row[0][:30] for row in GENERATORS])
def test_a_generator_makes_its_object(
    kubectl: Kubectl, arguments: str, made: str, part: dict[str, Any]
) -> None:
    words = arguments.split()
    assert kubectl("create", *words).endswith(" created")
    found = kubectl.get(*made.split())
    assert contains(found, part), found
    assert "already exists" in kubectl.refused("create", *words)


def test_what_belongs_to_the_cluster(kubectl: Kubectl) -> None:
    try:
        kubectl("create", "namespace", "by-kubectl")
        kubectl("create", "clusterrole", "by-kubectl", "--verb=get", "--non-resource-url=/metrics")
        kubectl("create", "clusterrole", "by-kubectl-2", "--aggregation-rule=a=b")
        kubectl("create", "clusterrolebinding", "by-kubectl", "--clusterrole=by-kubectl", "--user=u")
        kubectl("create", "priorityclass", "by-kubectl", "--value=7", "--preemption-policy=Never")
        assert kubectl.get("priorityclass", "by-kubectl")["value"] == 7
        rules = kubectl.get("clusterrole", "by-kubectl")["rules"]
        assert rules == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    finally:
        kubectl("delete", "--wait=false", "namespace/by-kubectl", "priorityclass/by-kubectl")
        kubectl(
            "delete", "clusterrole/by-kubectl", "clusterrole/by-kubectl-2", "clusterrolebinding/by-kubectl"
        )


def test_a_tls_secret_a_token_and_files(kubectl: Kubectl, tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path, "ca").issue("serving", "h.example", serves=True)
    kubectl("create", "secret", "tls", "t", f"--cert={certificate}", f"--key={key}")
    assert kubectl.get("secret", "t")["type"] == "kubernetes.io/tls"
    assert kubectl("create", "token", "default", "--duration=1h").count(".") == 2
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    kubectl("create", "configmap", "files", f"--from-file={tmp_path / 'binary'}", "--append-hash")
    (name,) = (each for each in kubectl("get", "cm", "-o", "name").split() if "files-" in each)
    assert kubectl.get(name)["binaryData"] == {"binary": "/wA="}


def test_nothing_is_made_by_a_dry_run(kubectl: Kubectl) -> None:
    for side in ("client", "server"):
        said = kubectl("create", "deployment", "d", "--image=i", f"--dry-run={side}")
        assert said == f"deployment.apps/d created ({'server ' if side == 'server' else ''}dry run)"
    assert kubectl("get", "deployments", "-o", "name") == ""


def test_run_expose_and_autoscale(kubectl: Kubectl) -> None:
    assert kubectl("run", "p", "--image=i", "--labels=a=b", "--expose", "--port=80") == (
        "service/p created\npod/p created"
    )
    kubectl("create", "deployment", "d", "--image=i", "--port=8080")
    assert kubectl("expose", "deployment", "d", "--port=80", "--target-port=8080", "--name=web")
    spec = kubectl.get("service", "web")["spec"]
    assert (spec["selector"], spec["ports"][0]["targetPort"]) == ({"app": "d"}, 8080)
    assert kubectl("autoscale", "deployment", "d", "--min=2", "--max=5", "--cpu-percent=80").endswith(
        "autoscaled"
    )
    assert kubectl.get("hpa", "d")["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80


def test_the_error_for_an_invalid_name_has_upstreams_words(kubectl: Kubectl) -> None:
    assert kubectl.refused("create", "configmap", "Not_A_Name").startswith(
        'error: failed to create configmap: ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123'
    )
    assert kubectl.refused("get", "pod", "none") == 'Error from server (NotFound): pods "none" not found'
    assert "doesn't have a resource type" in kubectl.refused("get", "nothings")
