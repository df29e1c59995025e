"""Objects that the API server stores without acting on them are listed as warnings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kprov.verify.checks import unenforced
from kprov.verify.kubectl import Kubectl
from kprov.verify.model import Cluster, Finding


def an_object(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("kind", "feature"),
    [
        ("ValidatingWebhookConfiguration", "admission webhooks"),
        ("MutatingWebhookConfiguration", "admission webhooks"),
        ("MutatingAdmissionPolicy", "mutating admission policies"),
        ("MutatingAdmissionPolicyBinding", "mutating admission policies"),
        ("NetworkPolicy", "network policies"),
    ],
)
def test_an_object_without_effect_is_a_warning_that_names_it_and_the_missing_feature(
    kind: str, feature: str
) -> None:
    (finding,) = unenforced.judge_objects([an_object(kind, "mine")])
    assert finding == Finding(
        f"{kind} mine", ok=True, warning=True, detail=f"has no effect: kprov does not support {feature} yet"
    )


def test_an_api_service_has_no_effect_only_if_it_names_a_service() -> None:
    local = an_object("APIService", "v1.apps", group="apps", version="v1")
    remote = an_object("APIService", "v1.metrics.k8s.io", service={"name": "metrics", "namespace": "x"})
    (finding,) = unenforced.judge_objects([local, remote])
    assert finding.name == "APIService v1.metrics.k8s.io"
    assert "API aggregation" in finding.detail


def a_balanced_service(**status: Any) -> dict[str, Any]:
    return {
        "kind": "Service",
        "metadata": {"namespace": "shop", "name": "front"},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": status},
    }


def test_a_service_that_waits_for_a_load_balancer_is_named_with_its_namespace() -> None:
    (finding,) = unenforced.judge_objects([a_balanced_service()])
    assert finding.name == "Service shop/front"
    assert finding.detail == "gets no external address: kprov does not support load balancers yet"


def test_a_service_that_somebody_else_serves_is_no_warning() -> None:
    classed = a_balanced_service()
    classed["spec"]["loadBalancerClass"] = "example.com/other"
    findings = unenforced.judge_objects([a_balanced_service(ingress=[{"ip": "192.0.2.1"}]), classed])
    assert [finding.warning for finding in findings] == [False]


def test_a_cluster_without_such_objects_passes_with_one_finding() -> None:
    (finding,) = unenforced.judge_objects([])
    assert (finding.ok, finding.warning) == (True, False)


def test_all_kinds_are_read_in_all_namespaces_and_services_by_their_type() -> None:
    class Recorded(Kubectl):
        def run(self, arguments: str, stdin: str | None = None) -> str:
            assert arguments.startswith("get ")
            assert "--all-namespaces" in arguments
            if "services " in arguments:
                assert "--field-selector=spec.type=LoadBalancer" in arguments
                return json.dumps({"items": [a_balanced_service()]})
            assert {"networkpolicies", "apiservices"} <= {
                plural.partition(".")[0] for plural in arguments.split()[1].split(",")
            }
            return json.dumps({"items": [an_object("NetworkPolicy", "tests")]})

    cluster = Cluster((), "", "", 6443, 8443, "", "", "", "", "", "")
    findings = unenforced.check_objects(Recorded(None, "", "", "15s"), cluster)
    assert [finding.name for finding in findings] == [
        "NetworkPolicy tests",
        "Service shop/front",
    ]
