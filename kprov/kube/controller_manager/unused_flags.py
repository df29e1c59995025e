"""Flags of kube-controller-manager alone that have no effect here, see component_base.unused_flags."""

from __future__ import annotations

from typing import Final

from kprov.kube.component_base.unused_flags import UnusedFlags

_CLOUD: Final = "there is no cloud provider in this program"
_HPA: Final = "the horizontal pod autoscaler is not written yet"
_RECYCLER: Final = "volumes are not recycled"

UNUSED: Final = UnusedFlags(
    strings={
        "cloud-config": _CLOUD,
        "cloud-provider": _CLOUD,
        "external-cloud-volume-plugin": _CLOUD,
        "flex-volume-plugin-dir": "FlexVolumes are attached by no controller",
        "leader-migration-config": _CLOUD,
        "pv-recycler-pod-template-filepath-hostpath": _RECYCLER,
        "pv-recycler-pod-template-filepath-nfs": _RECYCLER,
    },
    booleans={
        "configure-cloud-routes": _CLOUD,
        "enable-hostpath-provisioner": "the local path provisioner is a program of its own",
        "enable-leader-migration": _CLOUD,
    },
    integers={
        "concurrent-horizontal-pod-autoscaler-syncs": _HPA,
        "concurrent-service-syncs": _CLOUD,
        "pv-recycler-increment-timeout-nfs": _RECYCLER,
        "pv-recycler-minimum-timeout-hostpath": _RECYCLER,
        "pv-recycler-minimum-timeout-nfs": _RECYCLER,
        "pv-recycler-timeout-increment-hostpath": _RECYCLER,
    },
    durations={
        "controller-shutdown-timeout": "controllers stop at once",
        "horizontal-pod-autoscaler-cpu-initialization-period": _HPA,
        "horizontal-pod-autoscaler-downscale-stabilization": _HPA,
        "horizontal-pod-autoscaler-initial-readiness-delay": _HPA,
        "horizontal-pod-autoscaler-sync-period": _HPA,
        "min-resync-period": "informers do not repeat what they have shown",
        "namespace-sync-period": "a namespace that still has content is tried again by itself",
        "route-reconciliation-period": _CLOUD,
    },
    floats={"horizontal-pod-autoscaler-tolerance": _HPA},
)
