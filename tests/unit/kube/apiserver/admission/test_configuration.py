"""The AdmissionConfiguration file."""

from pathlib import Path

import pytest

from kprov.kube.apiserver.admission import configuration
from kprov.kube.apiserver.admission.event_rate_limit import EventRateLimit
from kprov.kube.apiserver.admission.pod_security import PodSecurity
from kprov.kube.apiserver.admission.resource_quota import ResourceQuota
from kprov.kube.apiserver.registry.registry import Registry

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n"


def test_a_field_that_there_is_not_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(HEAD + "plugin: []\n")
    with pytest.raises(configuration.ConfigurationError, match=rf'{file}: unknown field "plugin"'):
        configuration.read_configurations(str(file), ["PodSecurity"])
    file.write_text(HEAD + "plugins: []\n")
    assert configuration.read_configurations(str(file), ["PodSecurity"]) == {}


def test_a_plugin_without_a_configuration_has_nothing_to_be_configured_with(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(HEAD + "plugins: [{name: PodSecurity}, {name: ResourceQuota, configuration: null}]\n")
    assert configuration.read_configurations(str(file), ["PodSecurity", "ResourceQuota"]) == {}


@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        ("x", "plugins: expected a list, found a string"),
        ("[x]", r"plugins\[0\]: expected an object, found a string"),
        (
            "[{name: 1, where: a}]",
            r'plugins\[0\].name: expected a string, .*; unknown field "plugins\[0\].where"',
        ),
        ("[{name: PodSecurity, configuration: [1]}]", r"plugins\[0\].configuration: expected an object"),
        (
            "[{name: NodeRestriction}]",
            r'plugins\[0\].name: no plugin "NodeRestriction" that can be configured',
        ),
    ],
)
def test_errors_name_the_place_in_the_file(tmp_path: Path, plugins: str, said: str) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(f"{HEAD}plugins: {plugins}\n")
    with pytest.raises(configuration.ConfigurationError, match=f"{file}: {said}"):
        configuration.read_configurations(str(file), ["PodSecurity"])


LIMITS = {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration"}
POD_SECURITY = {"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration"}
QUOTA = {"apiVersion": "resourcequota.admission.k8s.io/v1beta1", "kind": "Configuration"}


@pytest.mark.parametrize(
    ("plugin", "source", "said"),
    [
        (PodSecurity, {"defaults": {}}, "found kind None of apiVersion None"),
        (PodSecurity, {**POD_SECURITY, "apiVersion": ["v1"]}, r"of apiVersion \['v1'\]"),
        (PodSecurity, {"apiVersion": "v1"}, "found kind None of apiVersion 'v1'"),
        (
            PodSecurity,
            {"kind": POD_SECURITY["kind"]},
            "expected kind PodSecurityConfiguration of apiVersion pod-s",
        ),
        (PodSecurity, {"apiVersion": QUOTA["apiVersion"]}, "found kind None of apiVersion 'resourcequota."),
        (
            PodSecurity,
            {**POD_SECURITY, "defaults": {"enforce": "lax"}},
            "defaults.enforce: must be one of privileged",
        ),
        (PodSecurity, {**POD_SECURITY, "exemptions": {"users": []}}, 'unknown field "exemptions.users"'),
        (
            PodSecurity,
            {**POD_SECURITY, "exemptions": {"usernames": ""}},
            "exemptions.usernames: expected a list",
        ),
        (
            PodSecurity,
            {**POD_SECURITY, "exemptions": {"namespaces": ["a", "a.b"]}},
            r"exemptions.namespaces\[1\]: 'a.b': must not contain dots",
        ),
        (
            PodSecurity,
            {**POD_SECURITY, "exemptions": {"usernames": ["a", "b", "a"]}},
            r"exemptions.usernames\[2\]: 'a': Duplicate value",
        ),
        (PodSecurity, {**POD_SECURITY, "exemptions": {"usernames": [""]}}, "username must not be empty"),
        (
            ResourceQuota,
            {**QUOTA, "kind": "ResourceQuotaConfiguration"},
            "expected kind ResourceQuotaConfiguration",
        ),
        (
            ResourceQuota,
            {**QUOTA, "limitedResources": [{"matchContains": [1]}]},
            r"limitedResources\[0\].matchContains\[0\]: expected a string",
        ),
        (
            ResourceQuota,
            {**QUOTA, "limitedResources": [{}]},
            r"limitedResources\[0\].resource: Required value",
        ),
        (EventRateLimit, LIMITS, "limits: Invalid value: null: must not be empty"),
        (
            EventRateLimit,
            {**LIMITS, "limits": [{"type": "Pod", "qps": 0, "burst": -1, "cacheSize": -1}]},
            (
                r'limits\[0\].type: Unsupported value: "Pod": supported values: "Namespace", "Server", .*'
                r"limits\[0\].burst: Invalid value: -1: must be positive; "
                r"limits\[0\].qps: Invalid value: 0: must be positive; "
                r"limits\[0\].cacheSize: Invalid value: -1: must not be negative"
            ),
        ),
        (EventRateLimit, {**LIMITS, "limits": [{"rate": 1}]}, r'unknown field "limits\[0\].rate"'),
    ],
)
def test_errors_in_a_plugins_configuration_name_the_field(
    registry: Registry,
    plugin: type[PodSecurity | ResourceQuota | EventRateLimit],
    source: dict[str, object],
    said: str,
) -> None:
    with pytest.raises(configuration.ConfigurationError, match=f"configuration of {plugin.name}: .*{said}"):
        plugin.from_stores(registry).configure(source)


def test_older_versions_are_read(registry: Registry) -> None:
    PodSecurity.from_stores(registry).configure(
        {**POD_SECURITY, "apiVersion": "pod-security.admission.config.k8s.io/v1beta1"}
    )
    ResourceQuota.from_stores(registry).configure({**QUOTA, "limitedResources": [{"resource": "pods"}]})


def test_a_version_that_is_no_text_is_none(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text("apiVersion: [v1]\nkind: AdmissionConfiguration\n")
    with pytest.raises(configuration.ConfigurationError, match="expected an AdmissionConfiguration of"):
        configuration.read_configurations(str(file), ["PodSecurity"])
