"""apply, replace, patch, edit, label, annotate, set and diff."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.clients.kubectl import Kubectl, editor
from tests.builders.config_maps import build_config_map


@pytest.fixture
def deployed(kubectl: Kubectl) -> Kubectl:
    kubectl("create", "deployment", "d", "--image=i:1", "--replicas=0")
    return kubectl


def container(kubectl: Kubectl) -> Any:
    return kubectl.get("deployment", "d")["spec"]["template"]["spec"]["containers"][0]


def test_apply_from_the_client_merges_three_ways(kubectl: Kubectl) -> None:
    assert (
        kubectl("apply", "-f", "-", stdin=build_config_map("c", {"a": "1", "b": "2"}))
        == "configmap/c created"
    )
    kubectl("patch", "cm", "c", "--type=merge", "-p", '{"data":{"other":"x"}}')
    assert kubectl("apply", "-f", "-", stdin=build_config_map("c", {"a": "2"})) == "configmap/c configured"
    assert kubectl.get("cm", "c")["data"] == {"a": "2", "other": "x"}
    assert kubectl("apply", "-f", "-", stdin=build_config_map("c", {"a": "2"})) == "configmap/c unchanged"
    assert '"a":"2"' in kubectl("apply", "view-last-applied", "cm/c", "-o", "json").replace('": "', '":"')


def test_apply_prunes_what_is_no_longer_named(kubectl: Kubectl) -> None:
    items = [build_config_map("a"), build_config_map("b")]
    for item in items:
        item["metadata"]["labels"] = {"set": "one"}
    prune = ("apply", "-f", "-", "--prune", "-l", "set=one", "--prune-allowlist=core/v1/ConfigMap")
    kubectl(*prune, stdin={"apiVersion": "v1", "kind": "List", "items": items})
    assert "configmap/b pruned" in kubectl(*prune, stdin=items[0])


def test_apply_by_the_server_knows_owners(kubectl: Kubectl) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    assert (
        kubectl(*apply, "--field-manager=one", stdin=build_config_map("c", {"a": "1"}))
        == "configmap/c serverside-applied"
    )
    refused = kubectl.refused(*apply, "--field-manager=two", stdin=build_config_map("c", {"a": "2"}))
    assert 'Apply failed with 1 conflict: conflict with "one": .data.a' in refused
    kubectl(*apply, "--field-manager=two", "--force-conflicts", stdin=build_config_map("c", {"a": "2"}))
    kubectl("apply", "-f", "-", stdin=build_config_map("old", {"a": "1"}))
    kubectl(*apply, stdin=build_config_map("old", {"b": "1"}))
    assert kubectl.get("cm", "old")["data"] == {"b": "1"}


def test_diff_says_what_apply_would_do(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=build_config_map("c", {"a": "1"}))
    for more in ((), ("--server-side", "--force-conflicts")):
        done = kubectl.run("diff", *more, "-f", "-", stdin=build_config_map("c", {"a": "2"}))
        assert done.returncode == 1, done.stderr
        assert '+  a: "2"' in done.stdout
    assert kubectl.run("diff", "-f", "-", stdin=build_config_map("c", {"a": "1"})).returncode == 0


def test_replace_and_replace_by_force(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=build_config_map("c", {"a": "1"}))
    first = kubectl.get("cm", "c")
    assert kubectl("replace", "-f", "-", stdin=build_config_map("c", {"b": "1"})) == "configmap/c replaced"
    assert kubectl.get("cm", "c")["data"] == {"b": "1"}
    assert "the object has been modified" in kubectl.refused("replace", "-f", "-", stdin=first)
    kubectl("replace", "--force", "-f", "-", stdin=build_config_map("c", {"c": "1"}))
    assert kubectl.get("cm", "c")["metadata"]["uid"] != first["metadata"]["uid"]


def test_the_three_patches_and_a_subresource(deployed: Kubectl) -> None:
    patches = {
        "strategic": '{"spec":{"template":{"spec":{"containers":[{"name":"i","image":"i:2"}]}}}}',
        "merge": '{"metadata":{"labels":{"b":"2"}}}',
        "json": '[{"op":"add","path":"/metadata/labels/c","value":"3"}]',
    }
    for kind, body in patches.items():
        assert (
            deployed("patch", "deployment", "d", f"--type={kind}", "-p", body) == "deployment.apps/d patched"
        )
    assert container(deployed)["image"] == "i:2"
    assert deployed.get("deployment", "d")["metadata"]["labels"] == {"app": "d", "b": "2", "c": "3"}
    assert deployed("patch", "deployment", "d", "--type=merge", "-p", patches["merge"]).endswith(
        "(no change)"
    )
    status = '{"status":{"conditions":[{"type":"X","status":"True"}]}}'
    deployed("patch", "deployment", "d", "--subresource=status", "--type=merge", "-p", status)
    deployed(
        "patch", "deployment", "d", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":1}}'
    )
    assert deployed.get("deployment", "d")["spec"]["replicas"] == 1
    scale = deployed.get("deployment", "d", "--subresource=scale")
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 1})


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [("strategic", ""), ("merge", "error decoding patch: "), ("json", "error decoding patch: ")],
)
def test_the_error_for_a_broken_patch_has_upstreams_words(deployed: Kubectl, kind: str, prefix: str) -> None:
    refused = deployed.refused("patch", "deployment", "d", f"--type={kind}", "-p", "{")
    assert refused == f"Error from server (BadRequest): {prefix}unexpected end of JSON input"


def test_edit(deployed: Kubectl, tmp_path: Path) -> None:
    said = deployed("edit", "deployment", "d", environment=editor(tmp_path, "s/image: i:1/image: i:7/"))
    assert said == "deployment.apps/d edited"
    assert container(deployed)["image"] == "i:7"
    wrong = editor(tmp_path, "s/replicas: 0/replicas: -1/")
    refused = deployed.refused("edit", "deployment", "d", environment=wrong)
    kept = re.search(r'"(/\S+\.yaml)"', refused)
    assert kept, refused
    # The editor is shown why, above what it had written.
    text = Path(kept[1]).read_text()
    Path(kept[1]).unlink()
    assert "# * spec.replicas: Invalid value: -1: must be greater than or equal to 0" in text


def test_label_and_annotate(deployed: Kubectl) -> None:
    for verb, field in (("label", "labels"), ("annotate", "annotations")):
        assert deployed(verb, "deployment", "d", "k=1").endswith(("labeled", "annotated"))
        assert "--overwrite is false" in deployed.refused(verb, "deployment", "d", "k=2")
        deployed(verb, "deployment", "d", "k=2", "--overwrite")
        assert deployed.get("deployment", "d")["metadata"][field]["k"] == "2"
        deployed(verb, "deployment", "--all", "k-")
        assert "k" not in deployed.get("deployment", "d")["metadata"][field]
    assert "must be no more than 63" in deployed.refused("label", "deployment", "d", f"k={'x' * 64}")


def test_set(deployed: Kubectl) -> None:
    for words in (
        "image i=i:3",
        "env A=1",
        "resources --limits=cpu=2 --requests=cpu=1",
        "serviceaccount default",
    ):
        what, *arguments = words.split()
        assert deployed("set", what, "deployment/d", *arguments).endswith(
            {
                "image": "image updated",
                "env": "env updated",
                "resources": "resource requirements updated",
            }.get(what, "serviceaccount updated")
        )
    found = container(deployed)
    assert (found["image"], found["env"]) == ("i:3", [{"name": "A", "value": "1"}])
    assert found["resources"] == {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}
    deployed("create", "service", "clusterip", "s", "--tcp=80")
    deployed("set", "selector", "service", "s", "x=y")
    assert deployed.get("service", "s")["spec"]["selector"] == {"x": "y"}
    deployed("create", "rolebinding", "b", "--clusterrole=view", "--user=u")
    deployed("set", "subject", "rolebinding", "b", "--group=g")
    assert [each["name"] for each in deployed.get("rolebinding", "b")["subjects"]] == ["u", "g"]
