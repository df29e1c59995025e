"""The watch cache: bytes on the wire, order, history, what a selecting watcher sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.entry import Event, build_head, build_tail, encode
from kprov.kube.apiserver.cacher.watcher import Selection, Watcher
from kprov.kube.apiserver.storage.interface import Change, Stored
from kprov.kube.machinery.resources import Resource, find
from kprov.kube.machinery.selectors import FieldSelector, LabelSelector

PODS = find("", "v1", "pods")
assert PODS is not None


def pod(name: str, namespace: str = "default", *, node: str = "", **labels: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": labels}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {"nodeName": node}}


def put(revision: int, obj: dict[str, Any], *, is_create: bool = False) -> Change:
    metadata = obj["metadata"]
    key = f"/registry/pods/{metadata['namespace']}/{metadata['name']}"
    return Change(key, orjson.dumps(obj), revision, is_create)


def gone(revision: int, name: str) -> Change:
    return Change(f"/registry/pods/default/{name}", None, revision, is_create=False)


class Seen:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.expired: str | None = None

    def send_event(self, event: Event, type_: str) -> None:
        line = orjson.loads(event.encode_line(type_))
        assert line["type"] == type_
        self.events.append((type_, line["object"]))

    def send_bookmark(self, revision: int) -> None:
        raise AssertionError

    def end(self, expired: str) -> None:
        self.expired = expired

    @property
    def types(self) -> list[str]:
        return [type_ for type_, _ in self.events]


@pytest.fixture
def cache() -> ResourceCache:
    def fields(obj: dict[str, Any]) -> Mapping[str, str]:
        return {"spec.nodeName": obj["spec"]["nodeName"]}

    assert isinstance(PODS, Resource)
    made = ResourceCache(PODS, fields)
    made.replace([], 1)
    return made


def watch(cache: ResourceCache, selection: Selection) -> Seen:
    seen = Seen()
    cache.add_watcher(Watcher(selection, seen))
    return seen


def test_the_revision_is_spliced_into_the_stored_bytes() -> None:
    assert isinstance(PODS, Resource)
    stored = encode(build_head(PODS), pod("a") | {"metadata": {"name": "a", "resourceVersion": "3"}})
    assert b"resourceVersion" not in stored
    wire = build_head(PODS) + build_tail(build_head(PODS), stored, 7)
    assert orjson.loads(wire)["metadata"] == {"resourceVersion": "7", "name": "a"}


def test_objects_that_others_wrote_in_another_order_are_served_alike() -> None:
    assert isinstance(PODS, Resource)
    foreign = b'{"metadata":{"name":"a"},"status":{},"apiVersion":"v1","kind":"Pod"}'
    made = ResourceCache(PODS)
    made.apply(Change("/registry/pods/n/a", foreign, 7, is_create=True))
    found = made.get("/registry/pods/n/a")
    assert found is not None
    assert made.decode(found) == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "a", "namespace": "n", "resourceVersion": "7"},
        "spec": {"containers": None},
        "status": {},
    }


@pytest.mark.parametrize("begin", [b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},', b"{"])
def test_nulls_that_go_would_not_write_are_what_go_makes_of_them(begin: bytes) -> None:
    assert isinstance(PODS, Resource)
    value = begin + b'"spec":{"containers":[null],"volumes":null,"nodeSelector":{"a":null}},"status":null}'
    made = ResourceCache(PODS)
    made.apply(Change("/registry/pods/n/a", value, 7, is_create=True))
    found = made.get("/registry/pods/n/a")
    assert found is not None
    obj = made.decode(found)
    assert obj["spec"] == {"containers": [{"name": "", "resources": {}}], "nodeSelector": {"a": ""}}
    assert obj["status"] == {}


@pytest.mark.parametrize(
    ("null", "remains"),
    [
        (b'{"lastProbeTime":null,"lastTransitionTime":null}', True),
        (b'{"creationTimestamp":null}', True),
        (b'{"message":"null and nullable"}', True),
        (b'{"lastProbeTime":null,"message":null}', False),
        (b'{"list":[{},null]}', False),
        (b"[null]", False),
    ],
)
def test_nulls_of_times_and_texts_are_the_encoding_of_this_server(null: bytes, *, remains: bool) -> None:
    assert isinstance(PODS, Resource)
    value = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{},"x":%b}' % null
    made = ResourceCache(PODS)
    made.apply(Change("/registry/pods/n/a", value, 7, is_create=True))
    found = made.get("/registry/pods/n/a")
    assert found is not None
    assert (null in found.tail) == remains


@pytest.mark.parametrize("value", [b"[]", b"hello", b"", b"k8s\x00\xff", b'{"spec":1}'])
def test_a_stored_value_that_is_not_an_object_is_listed_as_unreadable(
    cache: ResourceCache, value: bytes
) -> None:
    cache.apply(put(2, pod("a"), is_create=True))
    key = "/registry/pods/default/a"
    cache.apply(Change(key, value, 3, is_create=False))
    assert cache.get(key) is None
    assert key in cache.unreadable
    cache.replace([Stored(key, value, 3)], 3)
    assert key in cache.unreadable
    cache.apply(put(4, pod("a")))
    assert cache.get(key) is not None
    assert not cache.unreadable


def test_a_namespace_is_a_range_of_keys_in_order(cache: ResourceCache) -> None:
    for revision, (name, namespace) in enumerate([("b", "n"), ("a", "n"), ("c", "n-2"), ("d", "m")], start=2):
        cache.apply(put(revision, pod(name, namespace), is_create=True))
    assert [entry.name for entry in cache.select(Selection("n"))] == ["a", "b"]
    assert [entry.name for entry in cache.select(Selection())] == ["d", "c", "a", "b"]


def test_a_watcher_sees_objects_come_into_and_fall_out_of_its_selection(cache: ResourceCache) -> None:
    seen = watch(cache, Selection(labels=LabelSelector.parse("app=web")))
    cache.apply(put(2, pod("a"), is_create=True))
    cache.apply(put(3, pod("a", app="web")))
    cache.apply(put(4, pod("a", app="web", x="y")))
    cache.apply(put(5, pod("a")))
    cache.apply(gone(6, "a"))
    assert seen.types == ["ADDED", "MODIFIED", "DELETED"]
    # The last state that it saw, at the revision of the change.
    assert seen.events[-1][1]["metadata"]["labels"] == {"app": "web", "x": "y"}
    assert seen.events[-1][1]["metadata"]["resourceVersion"] == "5"


def test_a_deletion_carries_the_last_state_at_its_own_revision(cache: ResourceCache) -> None:
    seen = watch(cache, Selection("default"))
    cache.apply(put(2, pod("a", app="web"), is_create=True))
    cache.apply(gone(3, "a"))
    assert seen.types == ["ADDED", "DELETED"]
    assert seen.events[-1][1]["metadata"]["resourceVersion"] == "3"


def test_a_look_shows_what_is_there_now_and_the_same_until_it_changes(cache: ResourceCache) -> None:
    def look() -> Mapping[str, Any]:
        entry = cache.get("/registry/pods/default/a")
        assert entry is not None
        return cache.get_shared(entry)

    cache.apply(put(2, pod("a", node="x"), is_create=True))
    first = look()
    assert first["spec"] == {"nodeName": "x"}
    assert look() is first
    cache.apply(put(3, pod("a", node="y")))
    assert (look()["spec"], look()["metadata"]["resourceVersion"]) == ({"nodeName": "y"}, "3")


def test_fields_select_too(cache: ResourceCache) -> None:
    seen = watch(cache, Selection(fields=FieldSelector.parse("spec.nodeName=n1")))
    cache.apply(put(2, pod("a", node="n2"), is_create=True))
    cache.apply(put(3, pod("b", node="n1"), is_create=True))
    assert [obj["metadata"]["name"] for _, obj in seen.events] == ["b"]


def as_we_write(revision: int, obj: dict[str, Any], *, broken: bool = False) -> Change:
    assert isinstance(PODS, Resource)
    value = encode(build_head(PODS), obj)
    if broken:
        value = value.replace(b'"spec":', b'"spec"')
    return Change(put(revision, obj).key, value, revision, is_create=True)


def test_what_we_wrote_is_read_when_somebody_selects(cache: ResourceCache) -> None:
    cache.apply(as_we_write(2, pod("a", node="x", app="web")))
    entry = cache.get("/registry/pods/default/a")
    assert entry is not None
    assert (entry.namespace, entry.name, entry.selected) == ("default", "a", None)
    seen = watch(cache, Selection(fields=FieldSelector.parse("spec.nodeName=x,metadata.name=a")))
    cache.apply(gone(3, "a"))
    assert seen.types == ["DELETED"]
    assert entry.labels == {"app": "web"}


def test_what_cannot_be_read_is_selected_by_nobody_and_keeps_nothing_up(cache: ResourceCache) -> None:
    seen = watch(cache, Selection(labels=LabelSelector.parse("x=y")))
    cache.apply(as_we_write(2, pod("a", x="y"), broken=True))
    cache.apply(as_we_write(3, pod("b", x="y")))
    assert [event["metadata"]["name"] for _, event in seen.events] == ["b"]


def test_listeners_get_only_what_can_be_read(cache: ResourceCache) -> None:
    told: list[str] = []
    cache.add_listener(lambda _, obj: told.append(obj["metadata"]["name"]))
    broken = as_we_write(2, pod("a"), broken=True)
    assert broken.value is not None
    cache.replace([Stored(broken.key, broken.value, 2)], 2)
    cache.apply(as_we_write(3, pod("b")))
    assert told == ["b"]
    assert list(cache.unreadable) == [broken.key]


def test_the_end_of_what_cannot_be_read_reaches_those_who_watch(cache: ResourceCache) -> None:
    class Types(Seen):
        def send_event(self, event: Event, type_: str) -> None:
            self.events.append((type_, {}))

    cache.apply(as_we_write(2, pod("a"), broken=True))
    told: list[str] = []
    cache.add_listener(lambda type_, _: told.append(type_))
    seen = Types()
    cache.add_watcher(Watcher(Selection(), seen))
    cache.apply(gone(3, "a"))
    assert seen.types == ["DELETED"]
    assert told == []


def test_a_change_that_was_already_applied_gives_no_event(cache: ResourceCache) -> None:
    seen = watch(cache, Selection())
    cache.apply(put(2, pod("a"), is_create=True))
    cache.apply(put(2, pod("a"), is_create=True))
    assert seen.types == ["ADDED"]


def test_history_returns_the_events_after_a_revision(cache: ResourceCache) -> None:
    for revision in range(2, 10):
        cache.apply(put(revision, pod("a"), is_create=revision == 2))
    past = cache.find_history(7)
    assert past is not None
    assert [event.revision for event in past] == [8, 9]


def test_watches_end_when_changes_may_have_been_missed(cache: ResourceCache) -> None:
    seen = watch(cache, Selection())
    cache.replace([Stored("/registry/pods/default/a", orjson.dumps(pod("a")), 50)], 60)
    assert seen.expired
    assert cache.find_history(59) is None
    assert [entry.revision for entry in cache.select(Selection())] == [50]
