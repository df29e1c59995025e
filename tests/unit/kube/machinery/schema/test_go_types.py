"""Names that Go's decoder tells and no schema has."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema import go_types, object_schema, typed_conversion

POD = ("", "v1", "Pod")


def check(document: JsonObject, gvk: tuple[str, str, str]) -> str:
    report = object_schema.builtin().check(document, gvk)
    return report.bad_request_text(gvk, strict=True) or ""


def of_container(**fields: Any) -> JsonObject:
    return {"spec": {"containers": [fields]}}


@pytest.mark.parametrize(
    ("document", "owner", "place", "go_type"),
    [
        (
            {"spec": {"volumes": [{"name": "a", "hostPath": {"path": 5}}]}},
            "HostPathVolumeSource",
            "spec.volumes.VolumeSource.hostPath.path",
            "string",
        ),
        (
            {"spec": {"volumes": [{"projected": {"sources": [{"secret": {"name": 5}}]}}]}},
            "SecretProjection",
            "spec.volumes.VolumeSource.projected.sources.secret.LocalObjectReference.name",
            "string",
        ),
        ({"spec": {"restartPolicy": 5}}, "PodSpec", "spec.restartPolicy", "v1.RestartPolicy"),
        (
            of_container(securityContext={"capabilities": {"add": [5]}}),
            "Capabilities",
            "spec.containers.securityContext.capabilities.add",
            "v1.Capability",
        ),
        (
            of_container(resources={"limits": 5}),
            "ResourceRequirements",
            "spec.containers.resources.limits",
            "v1.ResourceList",
        ),
        (of_container(args=[5]), "Container", "spec.containers.args", "string"),
        (
            {"metadata": {"ownerReferences": [{"uid": 5}]}},
            "OwnerReference",
            "metadata.ownerReferences.uid",
            "types.UID",
        ),
    ],
)
def test_decoding_errors_name_embedded_structs_and_named_types(
    document: JsonObject, owner: str, place: str, go_type: str
) -> None:
    said = f"json: cannot unmarshal number into Go struct field {owner}.{place} of type {go_type}"
    assert check(document, POD) == f'Pod in version "v1" cannot be handled as a Pod: {said}'


def test_decoding_errors_name_the_embedded_type_meta() -> None:
    refused = check({"deleteOptions": {"kind": 5}}, ("policy", "v1", "Eviction"))
    assert refused.endswith("Go struct field DeleteOptions.deleteOptions.TypeMeta.kind of type string")
    referred = check({"involvedObject": {"kind": 5}}, ("", "v1", "Event"))
    assert referred.endswith("Go struct field ObjectReference.involvedObject.kind of type string")


@pytest.mark.parametrize(
    ("document", "go_type"),
    [
        ({"spec": {"restartPolicy": 5}}, "v1.RestartPolicy"),
        (of_container(securityContext={"capabilities": {"add": [5]}}), "v1.Capability"),
        (of_container(image=5), "string"),
    ],
)
def test_conversion_errors_of_patches_name_the_same_types(document: JsonObject, go_type: str) -> None:
    node = object_schema.builtin().node(POD)
    assert typed_conversion.find_problem(node, document) == f"cannot convert int64 to {go_type}"


def test_fields_with_go_names_are_in_the_schema() -> None:
    kinds = object_schema.builtin()
    for kind in (POD, ("", "v1", "PersistentVolume"), ("networking.k8s.io", "v1", "Ingress")):
        spec = kinds.node(kind).fields["spec"]
        assert go_types.fields(spec).keys() <= spec.fields.keys()
