"""Names, types and labels of metrics, after a few requests of several sorts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.upstream.steps import Step


def steps() -> Iterator[Step]:
    yield Step("create", "POST ConfigMap", {"metadata": {"name": "a"}})
    yield Step("list", "GET ConfigMap")
    yield Step("watch", "GET ConfigMap?watch=1&timeoutSeconds=1")
    initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    yield Step("watch list", f"GET ConfigMap?watch=1&timeoutSeconds=1&{initial}")
    yield Step(
        "apply",
        "PATCH ConfigMap/a?fieldManager=x",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        type="apply",
    )
    yield Step("dry run", "POST ConfigMap?dryRun=All", {"metadata": {"name": "b"}})
    yield Step("missing", "GET ConfigMap/none")
    yield Step("wrong token", "GET ConfigMap", user="wrong")
    yield Step("deprecated", "GET /api/v1/componentstatuses", only=("status",))
    yield Step("metrics", "GET /metrics", only=("status", "body.metrics"))
    yield Step("service level metrics", "GET /metrics/slis", only=("status", "body.metrics"))
