"""What a kind's rules say of one wrong field each: field, reason and words as upstream's API server answers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find
from kprov.kube.machinery.schema import object_schema, zero_values

SELECTOR = {"matchLabels": {"a": "b"}}
CONTAINER = {"name": "c", "image": "i"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
GROUPS = {
    "namespaces": ("", "v1"),
    "secrets": ("", "v1"),
    "serviceaccounts": ("", "v1"),
    "endpoints": ("", "v1"),
    "podtemplates": ("", "v1"),
    "pods": ("", "v1"),
    "services": ("", "v1"),
    "nodes": ("", "v1"),
    "persistentvolumes": ("", "v1"),
    "persistentvolumeclaims": ("", "v1"),
    "resourcequotas": ("", "v1"),
    "limitranges": ("", "v1"),
    "deployments": ("apps", "v1"),
    "statefulsets": ("apps", "v1"),
    "daemonsets": ("apps", "v1"),
    "cronjobs": ("batch", "v1"),
    "horizontalpodautoscalers": ("autoscaling", "v2"),
    "networkpolicies": ("networking.k8s.io", "v1"),
    "ingresses": ("networking.k8s.io", "v1"),
    "ingressclasses": ("networking.k8s.io", "v1"),
    "endpointslices": ("discovery.k8s.io", "v1"),
    "storageclasses": ("storage.k8s.io", "v1"),
    "csinodes": ("storage.k8s.io", "v1"),
    "runtimeclasses": ("node.k8s.io", "v1"),
}
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
GOOD: dict[str, JsonObject] = {
    "namespaces": {},
    "secrets": {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "e30="}},
    "endpoints": {"subsets": [{"addresses": [{"ip": "1.2.3.4"}]}]},
    "pods": {"spec": {"containers": [CONTAINER]}},
    "services": {"spec": {"ports": [{"port": 80}]}},
    "nodes": {"spec": {}},
    "persistentvolumes": {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/x"},
        }
    },
    "persistentvolumeclaims": {"spec": CLAIM},
    "resourcequotas": {"spec": {"hard": {"pods": "1"}}},
    "limitranges": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}},
    "deployments": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "statefulsets": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "daemonsets": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "cronjobs": {
        "spec": {
            "schedule": "* * * * *",
            "jobTemplate": {
                "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}
            },
        }
    },
    "horizontalpodautoscalers": {
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"},
        }
    },
    "networkpolicies": {"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}},
    "ingresses": {"spec": {"defaultBackend": BACKEND}},
    "ingressclasses": {"spec": {"controller": "a.b/c"}},
    "endpointslices": {"addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"]}]},
    "storageclasses": {"provisioner": "a/b"},
    "csinodes": {"spec": {"drivers": [{"name": "d", "nodeID": "n"}]}},
    "runtimeclasses": {"handler": "h"},
}


def made(plural: str, *path: Any, value: Any = None) -> list[tuple[str, str]]:
    """Field and text of each error of a good object with one change; defaults are filled in before."""
    group, version = GROUPS[plural]
    resource = find(group, version, plural)
    assert resource is not None
    obj: JsonObject = copy.deepcopy({"metadata": {"name": "x"}, **GOOD[plural]})
    if path:
        place: Any = obj
        for step in path[:-1]:
            place = place[step] if isinstance(step, int) else place.setdefault(step, {})
        place[path[-1]] = value
    zero_values.normalize(obj, object_schema.builtin().node(resource.gvk))
    rules = find_strategy(resource)
    rules.default(obj)
    return [(error.field, error.message) for error in rules.validate(obj)]


def test_an_empty_behavior_of_an_autoscaler_is_filled_in() -> None:
    resource = find("autoscaling", "v2", "horizontalpodautoscalers")
    assert resource is not None
    obj: JsonObject = {"metadata": {"name": "x"}, "spec": {"behavior": {}}}
    zero_values.normalize(obj, object_schema.builtin().node(resource.gvk))
    find_strategy(resource).default(obj)
    assert obj["spec"]["behavior"].keys() == {"scaleUp", "scaleDown"}


def test_topologies_by_labels_of_old_are_warned_of() -> None:
    resource = find("storage.k8s.io", "v1", "storageclasses")
    assert resource is not None
    terms = [{"key": "failure-domain.beta.kubernetes.io/zone", "values": ["z"]}, {"key": "other"}]
    obj = {"allowedTopologies": [{"matchLabelExpressions": terms}]}
    (warning,) = find_strategy(resource).find_warnings(obj, None)
    assert warning.startswith(
        "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; use "
    )


def test_a_changed_volume_is_validated_as_a_whole() -> None:
    resource = find("", "v1", "persistentvolumes")
    assert resource is not None
    rules = find_strategy(resource)
    old: JsonObject = copy.deepcopy({"metadata": {"name": "x"}, **GOOD["persistentvolumes"]})
    rules.default(old)
    new = copy.deepcopy(old)
    del new["spec"]["accessModes"]
    errors = [error.field for error in rules.validate_update(new, old)]
    assert errors == ["spec.accessModes"]


@pytest.mark.parametrize("plural", GOOD)
def test_a_good_object_of_each_kind_is_taken(plural: str) -> None:
    assert made(plural) == []


SPEC = ("spec",)
FIRST = ("spec", "containers", 0)


@pytest.mark.parametrize(
    ("plural", "path", "value", "field", "words"),
    [
        ("pods", (*SPEC, "volumes"), [{"name": "v", "nfs": {"server": "s", "path": "p"}}],
         "spec.volumes[0].nfs.path", "must be an absolute path"),
        ("pods", (*SPEC, "tolerations"), [{"operator": "Equal"}],
         "spec.tolerations[0].operator", "operator must be Exists when `key` is empty"),
        ("pods", (*SPEC, "topologySpreadConstraints"),
         [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}],
         "spec.topologySpreadConstraints[0].maxSkew", "must be greater than zero"),
        ("pods", (*FIRST, "securityContext"), {"seccompProfile": {"type": "Localhost"}},
         "spec.containers[0].securityContext.seccompProfile.localhostProfile", "must be set when seccomp type"),
        ("pods", (*FIRST, "readinessProbe"),
         {"exec": {"command": ["x"]}, "terminationGracePeriodSeconds": 5},
         "spec.containers[0].readinessProbe.terminationGracePeriodSeconds", "must not be set for readinessProbes"),
        ("pods", (*FIRST, "env"), [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}],
         "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath", "field label not supported: spec.x"),
        ("pods", (*FIRST, "resources"), {"limits": {"example.com/gpu": "1500m"}},
         "spec.containers[0].resources.limits[example.com/gpu]", "must be an integer"),
        ("services", (*SPEC, "loadBalancerClass"), "a/b",
         "spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'"),
        ("services", (*SPEC, "trafficDistribution"), "Far",
         "spec.trafficDistribution", '"PreferClose", "PreferSameZone", "PreferSameNode"'),
        ("nodes", (*SPEC, "podCIDRs"), ["10.0.0.0/24", "10.1.0.0/24"],
         "spec.podCIDRs", "may specify no more than one CIDR for each IP family"),
        ("persistentvolumes", (*SPEC, "volumeAttributesClassName"), "fast",
         "spec.csi", "has to be specified when using volumeAttributesClassName"),
        ("persistentvolumes", ("metadata", "annotations"), {"volume.beta.kubernetes.io/mount-options": "ro"},
         "metadata.annotations.volume.beta.kubernetes.io/mount-options", "may not specify mount options"),
        ("networkpolicies", (*SPEC, "ingress", 0, "ports"), [{"protocol": ""}],
         "spec.ingress[0].ports[0].protocol", 'Unsupported value: ""'),
        ("endpointslices", ("ports",), [{"protocol": ""}], "ports[0].protocol", 'Unsupported value: ""'),
        ("persistentvolumeclaims", (*SPEC, "accessModes"), ["ReadWriteOncePod", "ReadWriteMany"],
         "spec.accessModes", "may not use ReadWriteOncePod with other access modes"),
        ("resourcequotas", (*SPEC, "scopes"), ["BestEffort", "NotBestEffort"],
         "spec.scopes", "conflicting scopes"),
        ("resourcequotas", (*SPEC, "hard"), {"storage": "1"},
         "spec.hard[storage]", "must be a standard resource for quota"),
        ("namespaces", (*SPEC, "finalizers"), ["x"],
         "spec.finalizers", "name is neither a standard finalizer name nor is it fully qualified"),
        ("secrets", ("data",), {".dockercfg": "Ingi"}, "data[.dockercfg]",
         "json: cannot unmarshal string into Go value of type map[string]interface {}"),
        ("endpoints", ("subsets", 0, "addresses", 0, "ip"), "010.0.0.1",
         "subsets[0].addresses[0].ip", "must not have leading 0s"),
        ("deployments", (*SPEC, "template", "metadata"), {"labels": {"a": "b", f"{'a' * 254}/x": "x"}},
         "spec.template.labels", "prefix part must be no more than 253 bytes"),
        ("cronjobs", (*SPEC, "schedule"), f"{'9' * 20} * * * *", "spec.schedule", "value out of range"),
        ("cronjobs", (*SPEC, "schedule"), "@every 1x", "spec.schedule",
         'failed to parse duration @every 1x: time: unknown unit "x" in duration "1x"'),
        ("cronjobs", (*SPEC, "schedule"), "@every 1.5", "spec.schedule",
         'failed to parse duration @every 1.5: time: missing unit in duration "1.5"'),
        ("cronjobs", (*SPEC, "schedule"), "@every 2562048h", "spec.schedule", 'invalid duration "2562048h"'),
        ("cronjobs", (*SPEC, "timeZone"), "Europe", "spec.timeZone", "is a directory"),
        ("statefulsets", (*SPEC, "volumeClaimTemplates"), [{"spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": ""}}],
         "spec.volumeClaimTemplates[0].spec.volumeMode", 'Unsupported value: ""'),
        ("cronjobs", (*SPEC, "timeZone"), "a..b", "spec.timeZone", "time: invalid location name"),
        ("limitranges", (*SPEC, "limits", 0, "min"), {"cpu": "3"},
         "spec.limits[0].min[cpu]", "min value 3 is greater than max value 2"),
        ("deployments", (*SPEC, "strategy"), {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}},
         "spec.strategy.rollingUpdate.maxUnavailable", "may not be 0 when `maxSurge` is 0"),
        ("deployments", (*SPEC, "selector"), None, "spec.selector", "Required value"),
        ("statefulsets", (*SPEC, "podManagementPolicy"), "Some",
         "spec.podManagementPolicy", "must be 'OrderedReady' or 'Parallel'"),
        ("cronjobs", (*SPEC, "schedule"), "61 * * * *",
         "spec.schedule", "end of range (61) above maximum (59): 61"),
        ("cronjobs", (*SPEC, "timeZone"), "Local",
         "spec.timeZone", "timeZone must be an explicit time zone"),
        ("horizontalpodautoscalers", (*SPEC, "metrics"), [{"type": "Pods"}],
         "spec.metrics[0].pods", "must populate information for the given metric source"),
        ("horizontalpodautoscalers", (*SPEC, "behavior"), {"scaleUp": {"policies": []}},
         "spec.behavior.scaleUp.policies", "must specify at least one Policy"),
        ("horizontalpodautoscalers", (*SPEC, "behavior"), {"scaleDown": {"tolerance": "-1"}},
         "spec.behavior.scaleDown.tolerance", "must be greater than or equal to 0"),
        ("horizontalpodautoscalers", (*SPEC, "scaleTargetRef", "apiVersion"), "/v1",
         "spec.scaleTargetRef.apiVersion", "apiVersion must specify API group"),
        ("networkpolicies", (*SPEC, "ingress", 0, "from", 0, "ipBlock", "except"), ["11.0.0.0/8"],
         "spec.ingress[0].from[0].ipBlock.except[0]", "must be a strict subset of `cidr`"),
        ("ingresses", (*SPEC, "rules"), [{"host": "1.2.3.4"}],
         "spec.rules[0].host", "must be a DNS name, not an IP address"),
        ("ingressclasses", (*SPEC, "controller"), "plain", "spec.controller", "must be a domain-prefixed path"),
        ("endpointslices", ("endpoints", 0, "addresses"), ["127.0.0.1"],
         "endpoints[0].addresses[0]", "may not be in the loopback range"),
        ("storageclasses", ("provisioner",), "", "provisioner", "Required value"),
        ("csinodes", (*SPEC, "drivers", 0, "nodeID"), "", "spec.drivers[0].nodeID", "Required value"),
        ("runtimeclasses", ("handler",), "Up", "handler", "a lowercase RFC 1123 label"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_in_upstreams_words(
    plural: str, path: tuple[Any, ...], value: Any, field: str, words: str
) -> None:
    assert [(name, words in text) for name, text in made(plural, *path, value=value) if name == field] == [
        (field, True)
    ]


@pytest.mark.parametrize("zone", ["TZ=UTC", "CRON_TZ=UTC"])
def test_a_schedule_with_only_a_time_zone_has_the_parsers_error(zone: str) -> None:
    texts = [text for _, text in made("cronjobs", "spec", "schedule", value=zone)]
    assert "invalid schedule format: runtime error: slice bounds out of range [:-1]" in texts[0]


def test_a_negative_number_in_a_string_is_rejected_like_a_number() -> None:
    strategy = {"rollingUpdate": {"maxUnavailable": "-1"}}
    fields = [name for name, _ in made("daemonsets", "spec", "updateStrategy", value=strategy)]
    assert fields == ["spec.updateStrategy.rollingUpdate.maxUnavailable"]


def test_indexes_with_thousands_of_digits_are_refused_in_two_ways() -> None:
    policy = {"rules": [{"succeededIndexes": "1" * 70000}]}
    template = {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}
    job = {"completions": 3, "completionMode": "Indexed", "successPolicy": policy, "template": template}
    texts = [text for _, text in made("cronjobs", "spec", "jobTemplate", "spec", value=job)]
    assert texts[0] == "Too long: may not be more than 65536 bytes"
    assert "error parsing succeededIndexes: cannot convert string to integer for index" in texts[1]


def test_conditions_of_failed_pods_are_true_in_templates_of_jobs() -> None:
    policy = {"rules": [{"action": "Count", "onPodConditions": [{"type": "x"}]}]}
    assert made("cronjobs", "spec", "jobTemplate", "spec", "podFailurePolicy", value=policy) == []


@pytest.mark.parametrize(
    ("plural", "obj", "wanted"),
    [
        (
            "serviceaccounts",
            {"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}},
            "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer",
        ),
        (
            "podtemplates",
            {"template": {"spec": {"terminationGracePeriodSeconds": -1, "containers": []}}},
            "template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid",
        ),
        (
            "podtemplates",
            {
                "template": {
                    "metadata": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}},
                    "spec": {"containers": []},
                }
            },
            "template.metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+",
        ),
        (
            "podtemplates",
            {
                "template": {
                    "metadata": {
                        "annotations": {"container.seccomp.security.alpha.kubernetes.io/c": "unconfined"}
                    },
                    "spec": {"containers": [CONTAINER]},
                }
            },
            "template.metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional",
        ),
        (
            "podtemplates",
            {
                "template": {
                    "metadata": {
                        "annotations": {"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}
                    },
                    "spec": {"containers": [CONTAINER]},
                }
            },
            "template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since",
        ),
        (
            "nodes",
            {"spec": {"externalID": "x"}},
            "spec.externalID: this field is deprecated",
        ),
    ],
)
def test_new_objects_are_warned_of(plural: str, obj: JsonObject, wanted: str) -> None:
    resource = find(*GROUPS[plural], plural)
    assert resource is not None
    (warning,) = find_strategy(resource).find_warnings({"metadata": {}} | obj, None)
    assert warning.startswith(wanted)


def test_the_first_range_of_a_node_wins() -> None:
    resource = find("", "v1", "nodes")
    assert resource is not None
    ranges = ["10.2.0.0/24", "fd00::/64"]
    obj: JsonObject = {"metadata": {}, "spec": {"podCIDR": "10.1.0.0/24", "podCIDRs": ranges}}
    find_strategy(resource).default(obj)
    assert obj["spec"]["podCIDRs"] == ["10.1.0.0/24"]


def test_a_daemon_set_without_rolling_updates_shows_their_zeros() -> None:
    resource = find("apps", "v1", "daemonsets")
    assert resource is not None
    strategy: JsonObject = {"type": "OnDelete", "rollingUpdate": {}}
    spec = copy.deepcopy({"selector": SELECTOR, "template": TEMPLATE, "updateStrategy": strategy})
    obj: JsonObject = {"metadata": {}, "spec": spec}
    find_strategy(resource).default(obj)
    assert obj["spec"]["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 0}


def test_accounts_name_secrets_only() -> None:
    resource = find("", "v1", "serviceaccounts")
    assert resource is not None
    obj: JsonObject = {
        "metadata": {},
        "secrets": [{"name": "a", "namespace": "b", "kind": "Secret"}, {"uid": "x"}],
    }
    rules = find_strategy(resource)
    rules.prepare_for_create(make_system_context("create", resource), obj)
    assert obj["secrets"] == [{"name": "a"}, {}]


@pytest.mark.parametrize(
    ("group", "plural", "users"),
    [
        ("", "pods", "the Pod's hostname"),
        ("", "replicationcontrollers", "Pod names and hostnames"),
        ("apps", "deployments", "Pod names and hostnames"),
        ("apps", "replicasets", "Pod names and hostnames"),
        ("batch", "jobs", "Pod names and hostnames"),
        ("batch", "cronjobs", "Pod names and hostnames"),
        ("apps", "daemonsets", ""),
        ("apps", "statefulsets", ""),
    ],
)
def test_a_name_that_is_no_dns_label_is_warned_of_where_it_becomes_a_hostname(
    group: str, plural: str, users: str
) -> None:
    resource = find(group, "v1", plural)
    assert resource is not None
    rules = find_strategy(resource)
    specs: dict[str, JsonObject] = {
        "pods": {"containers": [CONTAINER]},
        "cronjobs": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}},
    }
    obj: JsonObject = {"metadata": {"name": "a.b"}, "spec": specs.get(plural, {"template": TEMPLATE})}
    rules.default(obj)
    text = f"metadata.name: this is used in {users}, which can result in surprising behavior; a DNS label is "
    expected = [f"{text}recommended: [must not contain dots]"] if users else []
    assert rules.find_warnings(obj, None) == expected
    assert rules.find_warnings(obj, obj) == []
    obj["metadata"]["name"] = "a"
    assert rules.find_warnings(obj, None) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("10.0.0.1", []),
        ("010.0.0.1", ["must not have leading 0s"]),
        ("::ffff:1.2.3.4", ["must not be an IPv4-mapped IPv6 address"]),
        ("2001:DB8::1", ['must be in canonical form ("2001:db8::1")']),
        ("x", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]),
    ],
)
def test_the_name_of_an_ip_address_is_the_address(name: str, said: list[str]) -> None:
    resource = find("networking.k8s.io", "v1", "ipaddresses")
    assert resource is not None
    parent = {"resource": "services", "namespace": "default", "name": "a"}
    obj: JsonObject = {"metadata": {"name": name}, "spec": {"parentRef": parent}}
    errors = find_strategy(resource).validate(obj)
    assert [(error.field, error.detail) for error in errors] == [
        ("metadata.name", f'Invalid value: "{name}": {text}') for text in said
    ]
