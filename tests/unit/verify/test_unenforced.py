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
        ("CustomResourceDefinition", "custom resources"),
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


def test_a_cluster_without_such_objects_passes_with_one_finding() -> None:
    (finding,) = unenforced.judge_objects([])
    assert (finding.ok, finding.warning) == (True, False)


def test_all_kinds_are_read_in_one_request_of_kubectl() -> None:
    class Recorded(Kubectl):
        def run(self, arguments: str, stdin: str | None = None) -> str:
            assert arguments.startswith("get ")
            assert {"customresourcedefinitions", "apiservices"} <= {
                plural.partition(".")[0] for plural in arguments.split()[1].split(",")
            }
            return json.dumps({"items": [an_object("CustomResourceDefinition", "tests.example.com")]})

    cluster = Cluster((), "", "", 6443, 8443, "", "", "", "", "", "")
    (finding,) = unenforced.check_objects(Recorded(None, "", "", "15s"), cluster)
    assert finding.name == "CustomResourceDefinition tests.example.com"
