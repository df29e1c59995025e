"""Definitions and objects of other projects, from the folders of products in KPROV_TEST_PRODUCTS.

A folder PRODUCT has definitions/*.yaml and examples/*.yaml. Nothing of them is part of this
project: docs/custom-resources.md says how to fill the folder. The run writes PRODUCT.report.json beside it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from tests.apiserver.clients.kubectl import Kubectl
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.conformance.definitions import DEFINITIONS
from tests.apiserver.products.documents import JsonObject, Product, read_product
from tests.apiserver.products.samples import make_sample
from tests.apiserver.servers import Answer, ApiServer, running

FOLDER: Final = "KPROV_TEST_PRODUCTS"
_NAMESPACE: Final = "products"
_CREATED: Final = 201
_OK: Final = 200
_NOT_FOUND: Final = 404
_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"


def _list_products() -> list[str]:
    folder = os.environ.get(FOLDER)
    return sorted(path.name for path in Path(folder).iterdir() if path.is_dir()) if folder else []


@dataclass(slots=True)
class Report:
    """What a server did with a product. refused_*: what was refused, with the answer."""

    product: str
    definitions: int
    rules: int
    accepted_definitions: int = 0
    seconds_to_established: float = 0.0
    kinds: int = 0
    examples: int = 0
    accepted_examples: int = 0
    samples: int = 0
    accepted_samples: int = 0
    refused_definitions: dict[str, str] = field(default_factory=dict)
    refused_objects: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    if not os.environ.get(FOLDER):
        pytest.skip(f"{FOLDER} is not set: give a folder with definitions of products")
    flags = ("--disable-admission-plugins=ServiceAccount",)
    with running(tmp_path_factory.mktemp("products"), *flags) as (_, found):
        assert found.post("/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}}).status == _CREATED
        yield found


@pytest.mark.parametrize("name", _list_products() or ["none"])
def test_product(server: ApiServer, name: str) -> None:
    folder = Path(os.environ[FOLDER])
    product = read_product(folder / name)
    report = Report(name, len(product.definitions), product.rules)
    kubectl = Kubectl(server, _NAMESPACE)
    try:
        established = _define(server, product, report)
        _store_objects(server, product, established, report)
        _read_with_kubectl(kubectl, established)
        _remove(kubectl, server, established)
    finally:
        (folder / f"{name}.report.json").write_text(json.dumps(asdict(report), indent=2))
    assert not report.refused_definitions


def _define(server: ApiServer, product: Product, report: Report) -> list[JsonObject]:
    """Apply all definitions on the server's side, and wait until they are established."""
    begin, accepted = time.monotonic(), []
    for definition in product.definitions:
        name = definition["metadata"]["name"]
        answer = server.ask(
            "PATCH",
            f"{DEFINITIONS}/{name}?fieldManager=test&fieldValidation=Strict",
            definition,
            content_type="application/apply-patch+yaml",
        )
        if answer.status in {_OK, _CREATED}:
            accepted.append(definition)
        else:
            report.refused_definitions[name] = _message(answer)
    for definition in accepted:
        item = f"{DEFINITIONS}/{definition['metadata']['name']}"
        eventually(partial(_is_established, server, item), 60)
    report.accepted_definitions = len(accepted)
    report.seconds_to_established = round(time.monotonic() - begin, 2)
    return accepted


def _is_established(server: ApiServer, item: str) -> bool:
    conditions = server.get(item).json["status"]["conditions"] or ()
    return any(held["type"] == "Established" and held["status"] == "True" for held in conditions)


def _store_objects(
    server: ApiServer, product: Product, definitions: list[JsonObject], report: Report
) -> None:
    by_kind = {(held["spec"]["group"], held["spec"]["names"]["kind"]): held for held in definitions}
    for index, example in enumerate(product.examples):
        group, _, version = example["apiVersion"].partition("/")
        definition = by_kind.get((group, example["kind"]))
        if definition is not None:
            report.examples += 1
            report.accepted_examples += _store(server, definition, version, example, f"e{index}", report)
    for definition in definitions:
        for version in definition["spec"]["versions"]:
            if not version.get("served"):
                continue
            report.kinds += 1
            name = f"s-{version['name']}"
            sample = make_sample(definition, version, name)
            report.samples += 1
            report.accepted_samples += _store(server, definition, version["name"], sample, name, report)


def _store(
    server: ApiServer, definition: JsonObject, version: str, obj: JsonObject, name: str, report: Report
) -> bool:
    """Create an object, read it as a table, update it and apply to it. Return whether it was accepted."""
    collection = _path(definition, version)
    metadata = {**(obj.get("metadata") or {}), "name": name}
    metadata.pop("namespace", None)
    made = server.post(f"{collection}?fieldValidation=Strict", {**obj, "metadata": metadata})
    label = (
        f"{version} {definition['metadata']['name']} {(obj.get('metadata') or {}).get('name', '')} ({name})"
    )
    if made.status != _CREATED:
        report.refused_objects[label] = _message(made)
        return False
    item = f"{collection}/{name}"
    table = server.get(item, headers={"Accept": _TABLE})
    assert table.status == _OK, (label, table.body)
    assert len(table.json["rows"][0]["cells"]) == len(table.json["columnDefinitions"]), label
    changed = made.json
    changed["metadata"].setdefault("annotations", {})["changed"] = "yes"
    updated = server.ask("PUT", item, changed)
    assert updated.status == _OK, (label, updated.body)
    applied = {
        "apiVersion": made.json["apiVersion"],
        "kind": made.json["kind"],
        "metadata": {"name": name, "labels": {"applied": "yes"}},
    }
    answer = server.ask(
        "PATCH", f"{item}?fieldManager=other", applied, content_type="application/apply-patch+yaml"
    )
    assert answer.status == _OK, (label, answer.body)
    before, after = updated.json, answer.json
    assert before.get("spec") == after.get("spec"), label
    return True


def _read_with_kubectl(kubectl: Kubectl, definitions: list[JsonObject]) -> None:
    for definition in definitions:
        spec, name = definition["spec"], definition["metadata"]["name"]
        text = eventually(partial(_explain, kubectl, spec))
        assert f"KIND:       {spec['names']['kind']}" in text
        listed = kubectl.get(name)["items"]
        if listed:
            assert kubectl("get", name).startswith("NAME")
            kubectl("delete", name, "--all", "--timeout=30s")
        assert kubectl.get(name)["items"] == []


def _explain(kubectl: Kubectl, spec: JsonObject) -> str:
    version = next(held["name"] for held in spec["versions"] if held.get("served"))
    done = kubectl.run("explain", spec["names"]["plural"], f"--api-version={spec['group']}/{version}")
    return done.stdout if done.returncode == 0 else ""


def _remove(kubectl: Kubectl, server: ApiServer, definitions: list[JsonObject]) -> None:
    for definition in definitions:
        server.ask("DELETE", f"{DEFINITIONS}/{definition['metadata']['name']}")
    for definition in definitions:
        item = f"{DEFINITIONS}/{definition['metadata']['name']}"
        eventually(partial(_is_gone, server, item), 60)


def _is_gone(server: ApiServer, item: str) -> bool:
    return server.get(item).status == _NOT_FOUND


def _path(definition: JsonObject, version: str) -> str:
    spec = definition["spec"]
    within = f"/namespaces/{_NAMESPACE}" if spec["scope"] == "Namespaced" else ""
    return f"/apis/{spec['group']}/{version}{within}/{spec['names']['plural']}"


def _message(answer: Answer) -> str:
    try:
        found: Any = answer.json
        return f"{answer.status} {found['message']}"[:2000]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} {answer.body[:300]!r}"
