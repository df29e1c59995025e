"""OpenAPI v2 as protobuf: the bytes of small documents, and that all of ours has a place there."""

from __future__ import annotations

import orjson
import pytest

from kprov.kube.machinery.openapi import documents, protobuf
from kprov.kube.machinery.resources import list_resources


def test_openapi_protobuf_encodes_texts_and_lists() -> None:
    assert protobuf.encode({"swagger": "2.0", "schemes": ["https"]}) == b"\x0a\x032.0\x2a\x05https"


def test_openapi_protobuf_encodes_definitions_as_name_and_schema() -> None:
    document = {"definitions": {"A": {"type": "object", "x-kind": [1]}}}
    type_item = b"\xb2\x01\x08\x0a\x06object"
    extension = b"\xfa\x01\x0f\x0a\x06x-kind\x12\x05\x12\x03[1]"
    schema = type_item + extension
    named = b"\x0a\x01A\x12" + bytes([len(schema)]) + schema
    definitions = b"\x0a" + bytes([len(named)]) + named
    assert protobuf.encode(document) == b"\x4a" + bytes([len(definitions)]) + definitions


def test_openapi_protobuf_rejects_an_unknown_field() -> None:
    with pytest.raises(ValueError, match="the field servers has no place"):
        protobuf.encode({"servers": []})


def test_openapi_protobuf_encodes_the_whole_document() -> None:
    document = orjson.loads(documents.v2(list_resources()))
    encoded = protobuf.encode(document)
    for text in ("io.k8s.api.apps.v1.Deployment", "/api/v1/namespaces/{namespace}/pods/{name}/log"):
        assert text.encode() in encoded
