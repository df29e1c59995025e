"""Names of generated claims, and which pods are done with their devices."""

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.controller_manager.resource_claims.cleanup import is_done
from kprov.kube.controller_manager.resource_claims.generated_claim import make_claim, make_prefix


def test_a_short_name_has_the_pod_and_the_entry() -> None:
    assert make_prefix("web-0", "gpu") == "web-0-gpu-"


def test_long_names_are_cut_in_proportion() -> None:
    prefix = make_prefix("p" * 200, "c" * 40)
    assert prefix == f"{'p' * 47}-{'c' * 9}"
    assert len(prefix) <= 57


def test_a_claim_has_the_annotations_of_its_template() -> None:
    pod = Pod()
    pod.metadata.name, pod.metadata.uid = "web-0", "u1"
    template = {"spec": {"metadata": {"annotations": {"a": "b"}}, "spec": {"devices": {}}}}
    claim = make_claim(pod, "gpu", template)
    assert claim["metadata"]["annotations"] == {"a": "b", "resource.kubernetes.io/pod-claim-name": "gpu"}
    assert "labels" not in claim["metadata"]
    assert template["spec"]["metadata"] == {"annotations": {"a": "b"}}


@pytest.mark.parametrize(
    ("phase", "node", "deleted", "expected"),
    [
        ("Running", "n1", False, False),
        ("Running", "n1", True, False),
        ("Pending", "", True, True),
        ("Pending", "", False, False),
        ("Failed", "n1", False, True),
    ],
)
def test_a_pod_is_done_when_it_cannot_run(phase: str, node: str, deleted: bool, expected: bool) -> None:
    pod = Pod()
    pod.status.phase = phase
    pod.spec.node_name = type(pod.spec.node_name)(node)
    pod.metadata.deletion_timestamp = "2026-01-01T00:00:00Z" if deleted else ""
    assert is_done(pod) is expected
