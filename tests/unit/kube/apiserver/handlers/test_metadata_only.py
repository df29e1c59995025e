"""Metadata that is cut from the JSON of objects is what decoding them gives."""

from __future__ import annotations

import orjson
import pytest

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.entry import Entry, Event
from kprov.kube.apiserver.handlers import metadata_only
from kprov.kube.apiserver.request.negotiation import JSON, Form
from kprov.kube.apiserver.storage.interface import Stored
from kprov.kube.machinery.printers import tables
from kprov.kube.machinery.resources import find

FORM = Form(JSON, "PartialObjectMetadataList", "v1")
HEAD = b'{"kind":"ConfigMap","apiVersion":"v1",'


@pytest.fixture
def entry() -> Entry:
    resource = find("", "v1", "configmaps")
    assert resource is not None
    key = "/registry/configmaps/n/a"
    metadata = b'"metadata":{"name":"a","namespace":"n","labels":{"text":"}\\"\\u003c"},"finalizers":["x/y"]}'
    made = ResourceCache(resource)
    made.replace([Stored(key, HEAD + metadata + b',"data":{"metadata":"{"}}', 7)], 7)
    found = made.get(key)
    assert found is not None
    return found


def decode_partial(entry: Entry) -> object:
    return tables.partial_metadata(orjson.loads(HEAD + entry.tail))


def test_metadata_of_an_entry(entry: Entry) -> None:
    items = orjson.loads(metadata_only.render_items([entry, entry], FORM))
    assert items == [decode_partial(entry)] * 2
    assert items[0]["metadata"]["resourceVersion"] == "7"
    assert metadata_only.render_items([], FORM) == b"null"


def test_metadata_of_an_event(entry: Entry) -> None:
    line = Event("ADDED", HEAD, entry, None).encode_line("ADDED")
    found = metadata_only.build_head(FORM) + metadata_only.cut_line(line) + b"}"
    assert orjson.loads(found) == decode_partial(entry)
