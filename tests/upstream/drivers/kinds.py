"""Each kind's sample through its life: created with its defaults, read, listed, patched, applied, replaced, deleted."""

from __future__ import annotations

from collections.abc import Iterator

from tests.upstream import samples
from tests.upstream.steps import Step

_NOTE = {"metadata": {"annotations": {"patched": "yes"}}}
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def steps() -> Iterator[Step]:
    for kind in samples.kinds():
        yield from _life(kind)


def release(one: str) -> Step:
    """No finalizer keeps the deleted object: the next case creates one of the same name."""
    return Step(
        f"release {one}", f"PATCH {one}", {"metadata": {"finalizers": None}}, type="merge", only=("status",)
    )


def _life(kind: str) -> Iterator[Step]:
    body = samples.find(kind)
    name = body["metadata"]["name"]
    one = f"{kind}/{name}"
    applied = {
        "apiVersion": body["apiVersion"],
        "kind": kind,
        "metadata": {"name": name, "labels": {"applied": "yes"}},
    }
    yield Step(f"create {kind}", f"POST {kind}", body, until=201)
    yield Step(f"create {kind} again", f"POST {kind}", body)
    yield Step(f"read {kind}", f"GET {one}")
    yield Step(f"list {kind}", f"GET {kind}?fieldSelector=metadata.name={name}")
    yield Step(f"print {kind}", f"GET {one}", headers={"Accept": _TABLE})
    yield Step(f"merge {kind}", f"PATCH {one}?fieldManager=merger", _NOTE, type="merge")
    yield Step(f"strategic {kind}", f"PATCH {one}", {"metadata": {"labels": {"b": "c"}}}, type="strategic")
    yield Step(f"apply {kind}", f"PATCH {one}?fieldManager=applier", applied, type="apply")
    yield Step(f"replace {kind}", f"PUT {one}", body)
    yield Step(
        f"replace {kind} of another uid", f"PUT {one}", body | {"metadata": {"name": name, "uid": "x"}}
    )
    yield Step(
        f"replace {kind} of an old version",
        f"PUT {one}",
        body | {"metadata": {"name": name, "resourceVersion": "1"}},
    )
    yield Step(f"name {kind} otherwise", f"PUT {one}", body | {"metadata": {"name": "else"}})
    yield Step(f"delete {kind} of another uid", f"DELETE {one}", {"preconditions": {"uid": "x"}})
    yield Step(f"dry deletion {kind}", f"DELETE {one}?dryRun=All")
    yield Step(f"delete {kind}", f"DELETE {one}")
    yield Step(f"read deleted {kind}", f"GET {one}")
    yield release(one)
