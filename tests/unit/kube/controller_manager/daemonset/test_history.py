"""Revisions hold the bytes that upstream's controller writes and compares.

Expected bytes: of upstream's Go types and encoder (1.36), from the same templates with their defaults.
"""

from typing import Any

import orjson
import pytest

from kprov.kube.api.apps import ControllerRevision
from kprov.kube.controller_manager.daemonset import revisions
from kprov.kube.controller_manager.framework.controller_revisions import (
    POD_REVISION_LABEL,
    make_revision_data,
    make_revision_patch,
)

PLAIN: dict[str, Any] = {
    "metadata": {"labels": {"app": "d"}},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "busybox",
                "command": ["sh", "-c", "a < b && c > d"],
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "Always",
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    },
}
PLAIN_BYTES = rb"""{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"d"}},"spec":{"containers":[{"command":["sh","-c","a \u003c b \u0026\u0026 c \u003e d"],"image":"busybox","imagePullPolicy":"Always","name":"c","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}}"""
LABELS: dict[str, Any] = {
    "metadata": {"labels": {"z": "1", "app": "d"}, "annotations": {"k": 'é \u2028 "q" \\ \t'}},
    "spec": {"containers": [], "nodeSelector": {"Z": "1", "a": "2"}},
}
LABELS_BYTES = (
    r"""{"spec":{"template":{"$patch":"replace","metadata":{"annotations":{"k":"é \u2028 \"q\" \\ \t"},"""
    r""""labels":{"app":"d","z":"1"}},"spec":{"containers":[],"nodeSelector":{"Z":"1","a":"2"}}}}}"""
).encode()


def revision(name: str, data: bytes, number: int = 1) -> ControllerRevision:
    made = ControllerRevision(data=orjson.loads(data), revision=number)
    made.metadata.name, made.metadata.labels = name, {POD_REVISION_LABEL: name}
    return made


@pytest.mark.parametrize(("template", "expected"), [(PLAIN, PLAIN_BYTES), (LABELS, LABELS_BYTES)])
def test_data_are_upstreams_bytes(template: dict[str, Any], expected: bytes) -> None:
    assert make_revision_data(template) == expected


def test_the_current_revision_has_exactly_these_bytes() -> None:
    other_order = orjson.dumps(make_revision_patch(PLAIN))
    assert other_order != PLAIN_BYTES
    history = revisions.split_history(
        [revision("a", LABELS_BYTES), revision("b", PLAIN_BYTES), revision("c", other_order)], PLAIN
    )
    assert [each.metadata.name for each in history.old] == ["a"]
    assert [each.metadata.name for each in history.current] == ["b"]
    assert [each.metadata.name for each in history.same] == ["c"]


def test_a_template_that_comes_back_is_numbered_behind_all_others() -> None:
    history = revisions.split_history([revision("a", PLAIN_BYTES, 1), revision("b", LABELS_BYTES, 4)], PLAIN)
    assert history.next_revision == 5


def test_of_the_old_ones_the_oldest_without_pods_go() -> None:
    old = [revision(name, LABELS_BYTES, number) for number, name in enumerate("abcd", 1)]
    history = revisions.History(current=[], same=[], old=old)
    assert [each.metadata.name for each in revisions.list_surplus(history, 2, {"a"})] == ["b", "c"]
    assert revisions.list_surplus(history, 4, set()) == []
