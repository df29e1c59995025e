import subprocess
import sys

from kprov.kube.machinery import resources


def test_every_kind_is_found_by_its_path_and_by_its_kind() -> None:
    for entry in resources.list_resources():
        assert resources.find(entry.group, entry.version, entry.plural) is entry
        assert resources.find_kind(*entry.gvk) is entry


def test_a_subresource_may_have_a_kind_of_another_group() -> None:
    deployments = resources.find("apps", "v1", "deployments")
    assert deployments is not None
    scale = deployments.subresource("scale")
    assert scale is not None
    assert (scale.group, scale.version, scale.kind, scale.verbs) == (
        "autoscaling",
        "v1",
        "Scale",
        ("get", "patch", "update"),
    )
    assert deployments.subresource("exec") is None


def test_pods_have_all_of_their_subresources() -> None:
    pods = resources.find("", "v1", "pods")
    assert pods is not None
    assert [each.name for each in pods.subresources] == [
        "attach",
        "binding",
        "ephemeralcontainers",
        "eviction",
        "exec",
        "log",
        "portforward",
        "proxy",
        "resize",
        "status",
    ]
    assert (pods.api_version, pods.api_path, pods.short_names) == ("v1", "/api/v1", ("po",))


def test_namespaces_cannot_be_deleted_as_a_collection() -> None:
    namespaces = resources.find("", "v1", "namespaces")
    assert namespaces is not None
    assert "deletecollection" not in namespaces.verbs


def test_a_group_prefers_its_newest_version() -> None:
    versions = [version for group, version in resources.group_versions() if group == "autoscaling"]
    assert versions == ["v2", "v1"]


def test_a_short_name_that_yaml_may_read_as_false_is_a_text() -> None:
    nodes = resources.find("", "v1", "nodes")
    assert nodes is not None
    assert nodes.short_names == ("no",)


def test_a_resource_without_verbs_in_the_table_has_all_of_them() -> None:
    secrets = resources.find("", "v1", "secrets")
    assert secrets is not None
    assert (secrets.verbs, secrets.namespaced, secrets.singular) == (resources.ALL_VERBS, True, "secret")


def test_only_who_asks_for_a_resource_reads_the_table() -> None:
    code = "import sys, kprov.kube.machinery.status; print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
