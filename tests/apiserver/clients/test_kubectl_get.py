"""get in every output form, watch, selectors, and describe."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.apiserver.clients.kubectl import Kubectl

OUTPUTS = {
    "name": "configmap/a",
    "custom-columns=NAME:.metadata.name,A:.data.k": "NAME   A\na      1",
    "jsonpath={.data.k}": "1",
    'jsonpath={range .metadata.labels}{.n}{"\\n"}{end}': "1",
    "go-template={{.data.k}}{{range $k, $v := .metadata.labels}} {{$k}}={{$v}}{{end}}": "1 n=1",
}


@pytest.fixture
def three(kubectl: Kubectl) -> Kubectl:
    for number, name in enumerate("abc", 1):
        kubectl("create", "configmap", name, f"--from-literal=k={number}")
        kubectl("label", "configmap", name, f"n={number}")
    return kubectl


def names(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.split()[0] in set("abc")]


@pytest.mark.parametrize("output", OUTPUTS)
def test_output(three: Kubectl, output: str) -> None:
    assert three("get", "cm", "a", "-o", output) == OUTPUTS[output]


def test_json_yaml_and_tables(three: Kubectl, tmp_path: Path) -> None:
    found = json.loads(three("get", "cm", "-o", "json"))
    assert (found["kind"], {item["kind"] for item in found["items"]}) == ("List", {"ConfigMap"})
    assert "managedFields" not in three("get", "cm", "a", "-o", "yaml")
    assert "manager: kubectl-create" in three("get", "cm", "a", "-o", "yaml", "--show-managed-fields")
    assert three("get", "cm", "a", "-o", "wide").splitlines()[0].split() == ["NAME", "DATA", "AGE"]
    assert three("get", "cm", "a", "-L", "n", "--no-headers").split()[-1] == "1"
    assert three("get", "cm", "a", "--show-labels").splitlines()[1].split()[-1] == "n=1"
    (tmp_path / "columns").write_text("K\n.data.k\n")
    assert three("get", "cm", "a", "-o", f"custom-columns-file={tmp_path / 'columns'}") == "K\n1"
    assert three("get", "--raw", "/readyz") == "ok"


def test_what_is_chosen_and_in_which_order(three: Kubectl) -> None:
    assert names(three("get", "cm", "-l", "n in (1,2)")) == ["a", "b"]
    assert names(three("get", "cm", "-l", "n!=1,n")) == ["b", "c"]
    assert names(three("get", "cm", "--field-selector=metadata.name=b")) == ["b"]
    assert names(three("get", "cm", "--sort-by={.data.k}")) == ["a", "b", "c"]
    assert names(three("get", "cm", "--chunk-size=1")) == ["a", "b", "c"]
    assert three("get", "cm/a", "sa/default", "-o", "name") == "configmap/a\nserviceaccount/default"
    assert '"data.k" is not a known field selector: only "metadata.name", "metadata.namespace"' in (
        three.refused("get", "cm", "--field-selector=data.k=1")
    )
    assert three("get", "cm", "none", "--ignore-not-found") == ""
    assert three.namespace in three("get", "cm", "-A", "-l", "n=1")


def test_watching(three: Kubectl) -> None:
    watching = subprocess.Popen(
        three.command("get", "cm", "a", "--watch", "--output-watch-events", "--no-headers"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    table = subprocess.Popen(
        three.command("get", "cm", "a", "-w", "-L", "n", "--no-headers"), stdout=subprocess.PIPE, text=True
    )
    try:
        assert watching.stdout is not None
        assert table.stdout is not None
        assert watching.stdout.readline().split()[:2] == ["ADDED", "a"]
        assert table.stdout.readline().split()[-1] == "1"
        three("label", "cm", "a", "n=9", "--overwrite")
        assert watching.stdout.readline().split()[:2] == ["MODIFIED", "a"]
        assert table.stdout.readline().split()[-1] == "9"
        three("delete", "cm", "a")
        assert watching.stdout.readline().split()[:2] == ["DELETED", "a"]
    finally:
        for process in (watching, table):
            process.kill()
            process.communicate()


def test_each_kind_can_be_got_and_described(kubectl: Kubectl) -> None:
    kinds = kubectl("api-resources", "--verbs=list", "-o", "name").split()
    assert len(kinds) > 50
    text = kubectl("get", ",".join(kinds), "-A", "-o", "wide", "--ignore-not-found")
    for line in (
        "clusterrole.rbac.authorization.k8s.io/admin",
        "flowschema.flowcontrol.apiserver.k8s.io/exempt",
    ):
        assert line in text
    for kind in (
        "nodes",
        "services",
        "clusterroles",
        "flowschemas",
        "priorityclasses",
        "namespaces",
        "configmaps",
    ):
        kubectl("describe", kind, "-A")


def test_describe(three: Kubectl) -> None:
    said = three("describe", "cm", "a").splitlines()
    assert said[:3] == ["Name:         a", f"Namespace:    {three.namespace}", "Labels:       n=1"]
    three("create", "deployment", "d", "--image=i:1")
    said = three("describe", "deployment", "d").splitlines()
    assert any(line.split() == ["Image:", "i:1"] for line in said)
    assert 'configmaps "none" not found' in three.refused("describe", "cm", "none")
