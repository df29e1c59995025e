"""What the stateful set controller says of pods and claims, over a server."""

from typing import Any

from tests.builders.workloads import build_stateful_set

CLAIM = {"metadata": {"name": "www"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
# The claim, and what the API server sets.
SPEC: dict[str, Any] = {
    "replicas": 1,
    "volumeClaimTemplates": [CLAIM],
    "revisionHistoryLimit": 10,
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
}


def list_messages(api: Any) -> list[tuple[str, str]]:
    return [(each["reason"], each["message"]) for each in api.list("events")]


async def test_a_pod_waits_for_the_end_of_its_old_claim_and_says_so(api: Any, start: Any) -> None:
    await api.create("persistentvolumeclaims", {"metadata": {"name": "www-web-0", "finalizers": ["x"]}})
    await api.delete(("persistentvolumeclaims", "default", "www-web-0"))
    await api.create("statefulsets", build_stateful_set(**SPEC))
    await start("statefulset-controller")
    message = "Create Pod web-0 in StatefulSet web failed error: pvc www-web-0 is being deleted"
    await api.until(lambda: ("FailedCreate", message) in list_messages(api))
    assert api.list("pods") == []


async def test_new_owners_of_claims_count_as_an_update_of_the_pod(api: Any, start: Any) -> None:
    await api.create("statefulsets", build_stateful_set(**SPEC))
    await start("statefulset-controller")
    await api.until(lambda: api.list("pods"))
    await api.change("pods", "web-0", {"status": READY})
    await api.until(lambda: api.get("statefulsets", "web").get("status", {}).get("readyReplicas") == 1)
    policy = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    await api.change("statefulsets", "web", {"spec": {"persistentVolumeClaimRetentionPolicy": policy}})
    message = "Update Pod web-0 in StatefulSet web successful"
    await api.until(lambda: ("SuccessfulUpdate", message) in list_messages(api))
    (owner,) = api.get("persistentvolumeclaims", "www-web-0")["metadata"]["ownerReferences"]
    assert owner["kind"] == "StatefulSet"
