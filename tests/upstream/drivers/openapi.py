"""The OpenAPI documents: v3 of each group version, and v2."""

from __future__ import annotations

from collections.abc import Iterator

from kprov.kube.machinery.resources import group_versions
from tests.upstream.steps import Step


def steps() -> Iterator[Step]:
    for group, version in group_versions():
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        yield Step(f"v3 {path}", f"GET /openapi/v3/{path}", only=("status", "body"))
    yield Step("v2", "GET /openapi/v2", only=("status", "body"))
