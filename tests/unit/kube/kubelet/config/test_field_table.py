"""Fields that this kubelet does not act on are named, and fields that nobody knows are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.kubelet.config import field_table, flags
from kprov.kube.kubelet.config.configuration import KubeletConfiguration, read_document


def read(**document: Any) -> KubeletConfiguration:
    config = KubeletConfiguration()
    read_document(config, document)
    return config


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ({"maxPod": 5}, ["maxPod"]),
        ({"authentication": {"webhook": {"enable": True}}}, ["authentication.webhook.enable"]),
        ({"authentication": True}, ["authentication"]),
        ({"maxPod": 5, "user_namespaces": {}}, ["maxPod", "user_namespaces"]),
    ],
)
def test_unknown_fields_are_refused_with_their_paths(document: dict[str, Any], paths: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**document)
    texts = ", ".join(f'unknown field "{path}"' for path in paths)
    assert str(caught.value) == f"strict decoding error: {texts}"


def test_the_error_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPod: 5\n")
    with pytest.raises(ConfigError, match=r"config\.yaml: strict decoding error"):
        flags.parse([f"--config={file}"])


@pytest.mark.parametrize(
    "document",
    [
        {"evictionSoft": {"memory.available": "200Mi"}},
        {"featureGates": {"Any": True}},
        {"cpuManagerPolicy": "static"},
        {"memorySwap": {"swapBehavior": "LimitedSwap"}},
        {"registryPullQPS": 0},
        {"serverTLSBootstrap": True},
        {"reservedSystemCPUs": "0-1"},
        {"enableServer": False},
        {"logging": {"format": "json"}},
        {"volumeStatsAggPeriod": "2m"},
        {"readOnlyPort": 10255},
    ],
)
def test_a_value_without_effect_is_named(document: dict[str, Any]) -> None:
    assert read(**document).unserved_fields == list(document)


@pytest.mark.parametrize("path", field_table.UNSERVED)
def test_every_field_of_the_table_may_be_missing_zero_or_upstreams_default(path: str) -> None:
    for value in (None, *field_table.UNSERVED[path]):
        document: Any = value
        for part in reversed(path.split(".")):
            document = {part: document}
        assert read(**document).unserved_fields == []


def test_a_file_that_kubeadm_writes_gives_no_warning_and_keeps_the_defaults() -> None:
    config = read(
        authentication={"anonymous": {"enabled": False}, "webhook": {"cacheTTL": "0s", "enabled": True}},
        containerRuntimeEndpoint="",
        cpuManagerReconcilePeriod="0s",
        evictionPressureTransitionPeriod="0s",
        fileCheckFrequency="0s",
        imageMaximumGCAge="0s",
        logging={"flushFrequency": 0, "options": {"json": {"infoBufferSize": "0"}}, "verbosity": 0},
        memorySwap={},
        nodeStatusUpdateFrequency="0s",
        rotateCertificates=False,
        shutdownGracePeriod="0s",
        syncFrequency="0s",
        volumeStatsAggPeriod="0s",
    )
    assert config.unserved_fields == []
    assert (config.sync_frequency, config.node_status_update_frequency) == (60, 10)


@pytest.mark.parametrize("value", [1, 65535, 65537, 0])
def test_ids_of_pods_are_whole_units(value: int) -> None:
    with pytest.raises(ConfigError, match=r"userNamespaces\.idsPerPod: expected a multiple of 65536"):
        read(userNamespaces={"idsPerPod": value})
