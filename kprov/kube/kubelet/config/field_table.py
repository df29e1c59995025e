"""The fields of KubeletConfiguration that this kubelet knows and does not act on.

The fields that it acts on are those of `KubeletConfiguration` in `configuration.py`. Both together are
the fields of upstream 1.36 (k8s.io/kubelet/config/v1beta1). A field that is in neither is unknown.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kprov.kube.component_base import durations
from kprov.kube.machinery.json_object import JsonObject

#: What a field may be set to without a warning, beside its zero value: upstream's default, and what this
#: kubelet does anyway. A field whose zero value is not its default is in _POINTERS too.
UNSERVED: Final[Mapping[str, tuple[Any, ...]]] = {
    "authentication.webhook.cacheTTL": ("2m",),
    "configMapAndSecretChangeDetectionStrategy": ("Watch",),
    "containerLogMaxWorkers": (1,),
    "containerLogMonitorInterval": ("10s",),
    "contentType": ("application/vnd.kubernetes.protobuf", "application/json"),
    "cpuManagerPolicy": ("none",),
    "cpuManagerPolicyOptions": (),
    "cpuManagerReconcilePeriod": ("10s",),
    "enableContentionProfiling": (),
    "enableControllerAttachDetach": (True,),
    "enableDebugFlagsHandler": (True, False),
    "enableProfilingHandler": (True, False),
    "enableServer": (True,),
    "enableSystemLogHandler": (True, False),
    "enableSystemLogQuery": (),
    "enforceNodeAllocatable": (["pods"], ["none"], []),
    "eventBurst": (100,),
    "evictionMaxPodGracePeriod": (),
    "evictionMinimumReclaim": (),
    "evictionSoft": (),
    "evictionSoftGracePeriod": (),
    "failCgroupV1": (True, False),
    "failSwapOn": (True, False),
    "featureGates": (),
    "hairpinMode": ("promiscuous-bridge",),
    "httpCheckFrequency": ("20s",),
    "imagePullCredentialsVerificationPolicy": ("NeverVerifyPreloadedImages", "NeverVerify"),
    "imageServiceEndpoint": (),
    "iptablesDropBit": (15,),
    "iptablesMasqueradeBit": (14,),
    "kernelMemcgNotification": (),
    "kubeReservedCgroup": (),
    "kubeletCgroups": (),
    "localStorageCapacityIsolation": (True, False),
    "logging": (),
    "makeIPTablesUtilChains": (True, False),
    "maxOpenFiles": (1000000,),
    "memoryManagerPolicy": ("None",),
    "memoryReservationPolicy": ("None",),
    "memorySwap": ({"swapBehavior": "NoSwap"},),
    "memoryThrottlingFactor": (0.9,),
    "mergeDefaultEvictionSettings": (False,),
    "nodeStatusMaxImages": (50,),
    "oomScoreAdj": (-999,),
    "podCIDR": (),
    "preloadedImagesVerificationAllowlist": (),
    "protectKernelDefaults": (),
    "qosReserved": (),
    "readOnlyPort": (),
    "registryBurst": (10,),
    "registryPullQPS": (5,),
    "reservedMemory": (),
    "reservedSystemCPUs": (),
    "rotateCertificates": (),
    "runOnce": (),
    "serverTLSBootstrap": (),
    "showHiddenMetricsForVersion": (),
    "singleProcessOOMKill": (False,),
    "staticPodURL": (),
    "staticPodURLHeader": (),
    "systemCgroups": (),
    "systemReservedCgroup": (),
    "tlsCurvePreferences": (),
    "topologyManagerPolicy": ("none",),
    "topologyManagerPolicyOptions": (),
    "topologyManagerScope": ("container",),
    "tracing": (),
    "volumePluginDir": ("/usr/libexec/kubernetes/kubelet-plugins/volume/exec/",),
    "volumeStatsAggPeriod": ("1m",),
}
_POINTERS: Final = frozenset({
    "containerLogMaxWorkers", "containerLogMonitorInterval", "enableControllerAttachDetach", "enableServer",
    "iptablesDropBit", "iptablesMasqueradeBit", "memoryThrottlingFactor", "nodeStatusMaxImages",
    "oomScoreAdj", "registryPullQPS",
})  # fmt: skip
#: Fields of the document that are no settings.
_META: Final = frozenset({"apiVersion", "kind"})


def find_unknown(document: JsonObject, served: frozenset[str], above: str = "") -> Iterator[str]:
    """Paths of fields that upstream does not have either."""
    known = served | UNSERVED.keys() | _META
    for name, value in document.items():
        path = f"{above}{name}"
        if path in known:
            continue
        if isinstance(value, dict) and any(item.startswith(f"{path}.") for item in known):
            yield from find_unknown(value, served, f"{path}.")
        elif value is not None or not any(item.startswith(f"{path}.") for item in known):
            yield path


def find_unserved(document: JsonObject) -> list[str]:
    """Paths of fields whose value has no effect here."""
    return [
        path for path, silent in UNSERVED.items() if not _is_silent(path, get_value(document, path), silent)
    ]


def get_value(document: JsonObject, path: str) -> Any:
    """Return the value of a field, None if it or a part of its path is missing."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _is_silent(path: str, value: Any, silent: tuple[Any, ...]) -> bool:
    if value is None or (path not in _POINTERS and _is_zero(value)):
        return True
    return any(_is_same(value, item) for item in silent)


def _is_zero(value: Any) -> bool:
    """Whether Go's decoder cannot tell the value from a missing one: tools write such fields out."""
    if isinstance(value, dict):
        return all(_is_zero(item) for item in value.values())
    return value is None or value is False or value in (0, "", "0", "0s", [])


def _is_same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if value == wanted:
        return True
    try:
        return durations.parse(str(value)) == durations.parse(str(wanted))
    except ValueError:
        return False
