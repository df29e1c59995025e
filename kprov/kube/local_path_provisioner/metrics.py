"""Metrics by the names of upstream's provisioners (sig-storage-lib-external-provisioner)."""

from typing import Final

from kprov.kube.component_base import metrics

PROVISIONED: Final = metrics.counter(
    "controller_persistentvolumeclaim_provision_total",
    "Total number of persistent volumes provisioned. Broken down by storage class name.",
    ["class"],
)
PROVISION_FAILURES: Final = metrics.counter(
    "controller_persistentvolumeclaim_provision_failed_total",
    "Total number of persistent volume provision failed attempts. Broken down by storage class name.",
    ["class"],
)
DELETED: Final = metrics.counter(
    "controller_persistentvolume_delete_total",
    "Total number of persistent volumes deleted. Broken down by storage class name.",
    ["class"],
)
DELETE_FAILURES: Final = metrics.counter(
    "controller_persistentvolume_delete_failed_total",
    "Total number of persistent volume delete failed attempts. Broken down by storage class name.",
    ["class"],
)
