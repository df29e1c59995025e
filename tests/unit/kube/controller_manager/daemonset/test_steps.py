"""Which daemon pods are made and deleted next."""

from typing import Any

import pytest

from kprov.kube.api.apps import DaemonSet
from kprov.kube.api.core import Node, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.controller_manager.daemonset import placement, steps
from kprov.kube.controller_manager.daemonset.placement import Placement
from kprov.kube.controller_manager.daemonset.steps import State, Step
from tests.builders.pods import view_pod

NEW, OLD = "new", "old"


def pod(node: str, digest: str = NEW, *, ready: bool = True, name: str = "", **more: Any) -> Pod:
    """more: `phase`, `deleted`, `created`, `labels`."""
    metadata = {
        "uid": f"uid-{name}-{digest}-{node}",
        "labels": {"controller-revision-hash": digest, **more.get("labels", {})},
        "creationTimestamp": more.get("created", "2026-01-01T00:00:00Z"),
        "deletionTimestamp": "2026-01-01T01:00:00Z" if more.get("deleted") else None,
    }
    conditions = [{"type": "Ready", "status": str(ready), "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    status = {"phase": more.get("phase", "Running"), "conditions": conditions}
    return view_pod(name or f"{digest}-{node}", metadata=metadata, status=status, nodeName=node)


def nodes(*names: str, **labels: str) -> list[Node]:
    return [convert({"metadata": {"name": name, "labels": labels}}, Node) for name in names]


def state(
    pods: list[Pod], names: str = "abc", *, spec: Any = None, annotations: Any = None, **rolling: Any
) -> State:
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling or {"maxUnavailable": 1, "maxSurge": 0}}
    document = {
        "metadata": {"name": "d", "annotations": annotations},
        "spec": {"updateStrategy": strategy, "template": {"spec": spec or {}}},
    }
    ds = convert(document, DaemonSet)
    return State(
        daemon_set=ds,
        placement=Placement(ds.spec.template),
        nodes=nodes(*names),
        pods=steps.group_by_node(pods),
        hash=NEW,
        now=1_800_000_000.0,
    )


def place(at: State, *, ended: bool = True) -> tuple[list[str], list[str]]:
    return names_of(steps.place_pods(at, lambda _pod, _node: ended))


def names_of(step: Step) -> tuple[list[str], list[str]]:
    return step.create, [each.metadata.name for each in step.delete]


def test_each_node_gets_one_pod() -> None:
    assert place(state([pod("a")])) == (["b", "c"], [])


def test_a_node_whose_pod_is_going_waits_for_its_end() -> None:
    assert place(state([pod("a", deleted=True)], "a")) == ([], [])


def test_an_ended_pod_that_is_going_is_replaced_at_once() -> None:
    assert place(state([pod("a", deleted=True, phase="Failed")], "a")) == (["a"], [])


def test_of_several_pods_the_oldest_stays() -> None:
    young = pod("a", name="young", created="2026-01-02T00:00:00Z")
    assert place(state([young, pod("a", name="old")], "a")) == ([], ["young"])


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_an_ended_pod_goes_when_its_back_off_lets_it(phase: str) -> None:
    failed = state([pod("a", phase=phase)], "a")
    assert place(failed) == ([], ["new-a"])
    assert place(failed, ended=False) == ([], [])


def test_pods_in_the_wrong_place_go() -> None:
    elsewhere = state([pod("a"), pod("b")], "ab", spec={"nodeName": "a"})
    assert place(elsewhere) == ([], ["new-b"])


def test_an_unbound_pod_of_a_node_that_is_gone_is_deleted() -> None:
    spec = Placement({}).pin_to_node("gone")
    unbound = convert({"metadata": {"name": "lost"}, "spec": spec}, Pod)
    assert place(state([unbound, pod("other")], "a")) == (["a"], ["lost"])


def test_as_many_old_pods_go_as_may_be_missing() -> None:
    pods = [pod(name, OLD) for name in "abcd"]
    assert names_of(steps.roll_out(state(pods, "abcd", maxUnavailable=2))) == ([], ["old-a", "old-b"])
    assert names_of(steps.roll_out(state(pods, "abcd", maxUnavailable="25%"))) == ([], ["old-a"])


def test_what_is_unavailable_counts_against_the_limit() -> None:
    pods = [pod("a", ready=False), pod("b", OLD), pod("c", OLD)]
    assert names_of(steps.roll_out(state(pods))) == ([], [])
    assert names_of(steps.roll_out(state(pods, maxUnavailable=2))) == ([], ["old-b"])


def test_a_node_without_a_pod_counts_against_the_limit() -> None:
    assert names_of(steps.roll_out(state([pod("a", OLD), pod("b", OLD)]))) == ([], [])
    going = [pod("a", OLD, deleted=True), pod("b", OLD), pod("c", OLD)]
    assert names_of(steps.roll_out(state(going))) == ([], [])


def test_old_pods_that_do_not_work_go_whatever_the_limit() -> None:
    pods = [pod("a", OLD, ready=False), pod("b", OLD, ready=False), pod("c", OLD)]
    assert names_of(steps.roll_out(state(pods))) == ([], ["old-a", "old-b"])


def test_a_pod_of_the_templates_generation_is_current() -> None:
    """Upstream knows pods by this label too."""
    labelled = [pod(name, OLD, labels={"pod-template-generation": "3"}) for name in "abc"]
    annotations = {"deprecated.daemonset.template.generation": "3"}
    assert names_of(steps.roll_out(state(labelled, annotations=annotations))) == ([], [])


def test_a_surge_makes_new_pods_first() -> None:
    surging: dict[str, Any] = {"maxUnavailable": 0, "maxSurge": 1}
    pods = [pod(name, OLD) for name in "abc"]
    assert names_of(steps.roll_out(state(pods, **surging))) == (["a"], [])
    waiting = [*pods, pod("a", ready=False)]
    assert names_of(steps.roll_out(state(waiting, **surging))) == ([], [])
    assert place(state(waiting, **surging)) == ([], [])
    available = [*pods, pod("a")]
    assert names_of(steps.roll_out(state(available, **surging))) == (["b"], ["old-a"])
    assert place(state(available, **surging)) == ([], ["old-a"])


def test_a_surge_leaves_a_node_only_when_enough_pods_work() -> None:
    surging: dict[str, Any] = {"maxUnavailable": 0, "maxSurge": 1, "spec": {"nodeName": "a"}}
    assert names_of(steps.roll_out(state([pod("b", OLD)], "ab", **surging))) == ([], [])
    assert names_of(steps.roll_out(state([pod("a"), pod("b", OLD)], "ab", **surging))) == ([], ["old-b"])


def test_a_template_is_decoded_once_however_many_nodes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    once = Placement({"spec": {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}]}})
    monkeypatch.setattr(placement, "convert", lambda *_: pytest.fail("decoded again"))
    assert [once.should_run(node) for node in nodes("a", "b", disk="ssd")] == [(True, True)] * 2
    assert once.should_run(nodes("c")[0]) == (False, False)
    assert len(once.pin_to_node("a")["tolerations"]) == 7


def test_a_pod_is_sent_to_its_node_alone() -> None:
    """As upstream: the template's own terms have been looked at, the node's name replaces them."""
    field = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}
    template = {"spec": {"affinity": {"nodeAffinity": {field: terms}, "podAffinity": {}}}}
    sent = Placement(template).pin_to_node("n1")["affinity"]
    name = {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    assert sent == {
        "nodeAffinity": {field: {"nodeSelectorTerms": [{"matchFields": [name]}]}},
        "podAffinity": {},
    }


def test_a_time_limit_of_the_template_ends_no_daemon_pod_on_a_lost_node() -> None:
    limited = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    other = {"key": "x", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    template = {"spec": {"tolerations": [limited | {"tolerationSeconds": 300}, other]}}
    found = Placement(template).pin_to_node("a")["tolerations"]
    assert len(found) == 7
    assert [each.get("tolerationSeconds") for each in found if each.get("key") == limited["key"]] == [None]
    assert [each["tolerationSeconds"] for each in found if each.get("key") == "x"] == [5]
