"""/openapi: forms, ETags and hashed URLs."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict

from kprov.kube.apiserver.handlers.nonresource.openapi import OpenApi
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response
from kprov.kube.machinery.openapi import documents
from kprov.kube.machinery.openapi import protobuf as openapi_protobuf
from kprov.kube.machinery.resources import Resource, list_resources

APPS = "/openapi/v3/apis/apps/v1"
Get = Callable[..., Awaitable[Response]]


@pytest.fixture
def get() -> Get:
    documents = OpenApi([each for each in list_resources() if each.group == "apps"])

    async def answer(path: str, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request("GET", path, CIMultiDict(named))
        found = await documents.answer(request, path.partition("?")[0])
        return Response(status=404) if found is None else found

    return answer


async def test_the_index_leads_to_documents_that_may_be_kept_for_ever(get: Get) -> None:
    index = orjson.loads((await get("/openapi/v3")).body)
    url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
    response = await get(url, Accept_Encoding="gzip")
    assert response.headers["Cache-Control"] == "public, immutable"
    assert url.endswith(f"?hash={response.headers['ETag'][1:-1]}")
    assert isinstance(response.body, bytes)
    document = orjson.loads(gzip.decompress(response.body))
    assert "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale" in document["paths"]


async def test_a_url_with_an_old_hash_redirects_to_the_current_one(get: Get) -> None:
    response = await get(f"{APPS}?hash=OLD")
    assert response.status == 301
    assert (await get(response.headers["Location"])).status == 200


async def test_who_has_the_document_gets_no_body(get: Get) -> None:
    etag = (await get(APPS)).headers["ETag"]
    assert (await get(APPS, If_None_Match=etag)).status == 304


@pytest.mark.parametrize("asked", ["spec.v2@v1.0+protobuf", "spec.v2.v1.0+protobuf"])
async def test_version_2_is_there_as_protobuf(get: Get, asked: str) -> None:
    response = await get("/openapi/v2", Accept=f"application/com.github.proto-openapi.{asked}")
    assert response.headers["Content-Type"] == openapi_protobuf.MEDIA_TYPE
    assert isinstance(response.body, bytes)
    assert response.body.startswith(b"\x0a\x032.0")


async def test_what_there_is_none_of(get: Get) -> None:
    assert (await get("/openapi/v2", Accept="text/html")).status == 406
    assert (await get("/openapi/v3/apis/none/v1")).status == 404


async def test_a_changed_kind_computes_nothing_of_other_groups_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither their hashes nor their documents."""
    widget = Resource("example.com", "v1", "Widget", "widgets", "widget", namespaced=True)
    resources = [*(each for each in list_resources() if each.group in {"apps", "batch"}), widget]
    schemas = {widget.gvk: b'{"type":"object"}'}
    hashed, built = list[str](), list[str]()
    etag, v3 = documents.etag, documents.v3

    def compute_etag(served: Sequence[Resource], *more: Any) -> str:
        hashed.append(served[0].group)
        return etag(served, *more)

    def build(group: str, *more: Any) -> bytes:
        built.append(group)
        return v3(group, *more)

    monkeypatch.setattr(documents, "etag", compute_etag)
    monkeypatch.setattr(documents, "v3", build)
    before = OpenApi(resources, schemas, {widget.gvk: "1"})
    paths = ["/openapi/v3", APPS, "/openapi/v3/apis/example.com/v1"]
    first = [await before.answer(Request("GET", path, CIMultiDict()), path) for path in paths]
    hashed.clear()
    built.clear()
    after = OpenApi(resources, schemas, {widget.gvk: "2"}, before)
    second = [await after.answer(Request("GET", path, CIMultiDict()), path) for path in paths]
    assert (hashed, built) == (["example.com"], ["example.com"])
    tags = [
        (one and one.headers["ETag"], two and two.headers["ETag"])
        for one, two in zip(first, second, strict=True)
    ]
    assert [one == two for one, two in tags] == [False, True, False]
