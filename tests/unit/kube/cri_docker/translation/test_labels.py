"""Labels of Docker containers."""

from __future__ import annotations

from kprov.kube.cri_docker.translation.labels import make_filters, make_labels, split_labels


def test_labels_and_annotations_come_back() -> None:
    internal = {
        "io.kubernetes.docker.type": "container",
        "io.kubernetes.sandbox.id": "abc",
        "io.kubernetes.container.logpath": "/var/log/pods/x/0.log",
    }
    made = make_labels({"app": "web"}, {"note": "text"}, internal)
    assert made == {"app": "web", "annotation.note": "text", **internal}
    assert split_labels(made) == ({"app": "web"}, {"note": "text"})


def test_no_labels() -> None:
    assert split_labels(None) == ({}, {})


def test_filters() -> None:
    assert make_filters("podsandbox", {"app": "web"}, ["x=y"]) == {
        "label": ["io.kubernetes.docker.type=podsandbox", "x=y", "app=web"]
    }
