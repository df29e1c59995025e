"""Objects are found by their labels, and objects with selectors by the labels that they select."""

import random
from typing import Any, cast

import pytest

from kprov.kube.api.core import Pod, Service
from kprov.kube.api.core.services import ServiceSpec
from kprov.kube.api.meta import ObjectMeta, ResourceVersion
from kprov.kube.client import Informer
from kprov.kube.client.selector_index import SelectorIndex
from kprov.kube.client.store import Store
from tests.builders.pods import view_pod

KEYS = ("app", "tier", "zone")


def names(found: list[Any]) -> set[str]:
    return {obj.metadata.name for obj in found}


@pytest.fixture
def store() -> Store[Pod]:
    store: Store[Pod] = Store()
    for pod in (
        view_pod("a", labels={"app": "x", "tier": "1"}),
        view_pod("b", labels={"app": "x", "tier": "2"}),
        view_pod("c"),
        view_pod("d", labels={"app": "x"}, namespace="other"),
    ):
        store.put(pod)
    return store


def test_pods_are_found_by_their_labels(store: Store[Pod]) -> None:
    assert names(store.with_labels("ns", {"app": "x"})) == {"a", "b"}
    assert names(store.with_labels("ns", {"app": "x", "tier": "2"})) == {"b"}
    assert names(store.with_labels("ns", {})) == {"a", "b", "c"}
    assert store.with_labels("ns", {"app": "y"}) == []
    assert store.with_labels("none", {"app": "x"}) == []


def test_a_pod_is_found_by_its_new_labels_only(store: Store[Pod]) -> None:
    store.with_labels("ns", {})
    store.put(view_pod("a", labels={"app": "y"}))
    store.remove("other", "d")
    assert names(store.with_labels("ns", {"app": "x"})) == {"b"}
    assert names(store.with_labels("ns", {"app": "y"})) == {"a"}
    assert store.with_labels("other", {}) == []


def test_a_pod_with_the_same_labels_is_replaced(store: Store[Pod]) -> None:
    store.with_labels("ns", {})
    new = view_pod("b", labels={"app": "x", "tier": "2"})
    store.put(new)
    assert store.with_labels("ns", {"tier": "2"}) == [new]
    assert store.with_labels("ns", {"tier": "2"})[0] is new


def test_the_label_index_finds_what_a_scan_finds() -> None:
    rng = random.Random(7)
    store: Store[Pod] = Store()
    store.with_labels("ns", {})
    for _ in range(2000):
        name = f"p{rng.randrange(40)}"
        if rng.random() < 0.3:
            store.remove("ns", name)
        else:
            store.put(view_pod(name, labels=make_labels(rng)))
        wanted = make_labels(rng)
        scanned = {pod.metadata.name for pod in store if wanted.items() <= pod.metadata.labels.items()}
        assert names(store.with_labels("ns", wanted)) == scanned


class Feed:
    """An informer without a server."""

    def __init__(self) -> None:
        self.informer: Informer[Service] = Informer(cast("Any", None))
        self._versions = 0

    def put(self, name: str, selector: dict[str, str]) -> None:
        self._versions += 1
        metadata = ObjectMeta(
            name=name, namespace="ns", resource_version=ResourceVersion(str(self._versions))
        )
        self.informer._put(Service(metadata=metadata, spec=ServiceSpec(selector=selector)))

    def remove(self, name: str) -> None:
        self.informer._remove("ns", name, None)


def select(service: Service) -> dict[str, str] | None:
    return service.spec.selector or None


def test_services_are_found_by_the_labels_that_they_select() -> None:
    feed = Feed()
    feed.put("one", {"app": "x"})
    feed.put("both", {"app": "x", "tier": "1"})
    feed.put("nothing", {})
    index = SelectorIndex(feed.informer, select)
    assert names(index.find("ns", {"app": "x"})) == {"one"}
    assert names(index.find("ns", {"app": "x", "tier": "1", "zone": "z"})) == {"one", "both"}
    assert index.find("other", {"app": "x"}) == []
    feed.put("one", {"app": "y"})
    feed.remove("both")
    assert index.find("ns", {"app": "x", "tier": "1"}) == []
    assert names(index.find("ns", {"app": "y"})) == {"one"}


def test_the_selector_index_finds_what_a_scan_finds() -> None:
    rng = random.Random(7)
    feed = Feed()
    index = SelectorIndex(feed.informer, select)
    for _ in range(2000):
        name = f"s{rng.randrange(40)}"
        if rng.random() < 0.3:
            feed.remove(name)
        else:
            feed.put(name, make_labels(rng))
        labels = make_labels(rng)
        scanned = {
            service.metadata.name
            for service in feed.informer.list()
            if service.spec.selector and service.spec.selector.items() <= labels.items()
        }
        assert names(index.find("ns", labels)) == scanned
    for service in feed.informer.list():
        feed.remove(service.metadata.name)
    assert index._groups == {}


def make_labels(rng: random.Random) -> dict[str, str]:
    return {key: str(rng.randrange(3)) for key in rng.sample(KEYS, rng.randrange(len(KEYS) + 1))}
