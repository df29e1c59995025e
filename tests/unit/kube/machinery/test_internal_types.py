"""What a refusal shows of values: the names, the order and the zeros of the types inside upstream's server."""

from __future__ import annotations

from kprov.kube.machinery import field, internal_types
from kprov.kube.machinery.schema import object_schema

POD = ("", "v1", "Pod")
SPEC = internal_types.at(POD, "spec")
CONTAINER = internal_types.at(POD, "spec", "ephemeralContainers")


def test_a_struct_shows_all_its_fields_under_their_inner_names() -> None:
    mount = internal_types.at(POD, "spec", "containers", "volumeMounts")
    shown = internal_types.shown({"mountPath": "/a<b", "name": "v"}, mount)
    assert shown == (
        '{"Name":"v","ReadOnly":false,"RecursiveReadOnly":null,"MountPath":"/a\\u003cb","SubPath":"",'
        '"MountPropagation":null,"SubPathExpr":""}'
    )


def test_a_selector_keeps_the_names_of_the_wire_and_leaves_zeros_out() -> None:
    selector = internal_types.at(("apps", "v1", "Deployment"), "spec", "selector")
    assert internal_types.shown({"matchLabels": {"b": "1", "a": "2"}}, selector) == (
        '{"matchLabels":{"a":"2","b":"1"}}'
    )


def test_what_is_of_the_host_stands_in_the_security_context() -> None:
    inside = internal_types.inside({"hostNetwork": True, "securityContext": {"runAsUser": 5}}, SPEC)
    context = inside["SecurityContext"]
    assert "HostNetwork" not in inside
    assert (context["HostNetwork"], context["HostPID"], context["RunAsUser"]) == (True, False, 5)


def test_metadata_of_a_template_stands_among_its_fields() -> None:
    template = internal_types.at(("", "v1", "PodTemplate"), "template")
    inside = internal_types.inside({"metadata": {"labels": {"a": "b"}}, "spec": {}}, template)
    assert list(inside) == ["labels", "Spec"]


def test_a_difference_is_that_of_the_two_documents() -> None:
    old, new = {"name": "e", "image": "a", "command": ["x"]}, {"name": "e", "image": "b", "command": ["x"]}
    assert internal_types.difference(old, new, CONTAINER) == (
        "@@ -1,6 +1,6 @@\n {\n"
        '  "Name": "e",\n- "Image": "a",\n+ "Image": "b",\n  "Command": [\n   "x"\n  ],\n'
    )


def test_errors_are_told_again_with_the_type_of_their_field() -> None:
    role = object_schema.builtin().node(("rbac.authorization.k8s.io", "v1", "RoleBinding"))
    errors = [
        field.invalid("roleRef", {"name": "n", "kind": "Role", "apiGroup": "g"}, "cannot change roleRef"),
        field.invalid("metadata.labels[a.b/c]", {"b": "1", "a": "2"}, "no"),
        field.invalid("metadata.name", "x", "no"),
        field.invalid("roleRef.kind", {"kind": "Role"}, "no"),
    ]
    assert [each.detail for each in internal_types.retold(errors, role)] == [
        'Invalid value: {"APIGroup":"g","Kind":"Role","Name":"n"}: cannot change roleRef',
        'Invalid value: {"a":"2","b":"1"}: no',
        'Invalid value: "x": no',
        'Invalid value: {"APIGroup":"","Kind":"Role","Name":""}: no',
    ]
