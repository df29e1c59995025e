"""Resource use of node, pods and containers (/stats/summary, /metrics/resource)."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kprov.kube.api.meta import PodUID
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.images.filesystem import FilesystemStats, ImageFilesystem
from kprov.kube.kubelet.node import info
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject


async def make_summary(
    config: KubeletConfiguration, cri: CriClient, pods: Sequence[JsonObject]
) -> JsonObject:
    """stats/v1alpha1 Summary: the parts that metrics-server and kubectl top read. ``pods``: documents."""
    usage: dict[PodUID, list[pb.ContainerStats]] = {}
    for item in await cri.list_container_stats():
        usage.setdefault(PodUID(item.attributes.labels.get(pod_state.POD_UID, "")), []).append(item)
    now = timestamps.now()
    total, available = info.read_memory()
    size, free, inodes, free_inodes = info.read_disk(config.root_dir)
    image_filesystem = _make_image_stats(await ImageFilesystem(cri).read())
    return {
        "node": {
            "nodeName": config.node_name,
            "startTime": _read_boot_time(),
            "cpu": {"time": now, "usageCoreNanoSeconds": _read_cpu_nanoseconds()},
            "memory": {
                "time": now,
                "availableBytes": available,
                "usageBytes": total - available,
                "workingSetBytes": total - available,
            },
            "fs": {
                "time": now,
                "availableBytes": free,
                "capacityBytes": size,
                "usedBytes": size - free,
                "inodesFree": free_inodes,
                "inodes": inodes,
                "inodesUsed": inodes - free_inodes,
            },
            # Images and writable layers of containers: no runtime served here keeps them apart.
            "runtime": {"imageFs": image_filesystem, "containerFs": image_filesystem},
        },
        "pods": [_make_pod_stats(pod, usage.get(pod["metadata"]["uid"], [])) for pod in pods],
    }


def _make_image_stats(stats: FilesystemStats) -> JsonObject:
    return {
        "time": _render_time(stats.time),
        "availableBytes": stats.available,
        "capacityBytes": stats.capacity,
        "usedBytes": stats.used,
        "inodesFree": stats.inodes_free,
        "inodes": stats.inodes,
        "inodesUsed": stats.inodes_used,
    }


def _make_pod_stats(pod: JsonObject, items: list[pb.ContainerStats]) -> JsonObject:
    meta = pod["metadata"]
    containers = [_make_container_stats(item) for item in items]
    return {
        "podRef": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
        "startTime": (pod.get("status") or {}).get("startTime"),
        "containers": containers,
        "cpu": _sum_fields(containers, "cpu", ("usageNanoCores", "usageCoreNanoSeconds")),
        "memory": _sum_fields(containers, "memory", ("workingSetBytes", "usageBytes", "rssBytes")),
    }


def _sum_fields(containers: list[JsonObject], group: str, names: tuple[str, ...]) -> JsonObject:
    total: JsonObject = {"time": timestamps.now()}
    return total | {name: sum(item[group].get(name, 0) for item in containers) for name in names}


def _make_container_stats(item: pb.ContainerStats) -> JsonObject:
    return {
        "name": item.attributes.metadata.name,
        "startTime": None,
        "cpu": {
            "time": _render_time(item.cpu.timestamp),
            "usageNanoCores": item.cpu.usage_nano_cores.value,
            "usageCoreNanoSeconds": item.cpu.usage_core_nano_seconds.value,
        },
        "memory": {
            "time": _render_time(item.memory.timestamp),
            "workingSetBytes": item.memory.working_set_bytes.value,
            "usageBytes": item.memory.usage_bytes.value,
            "rssBytes": item.memory.rss_bytes.value,
        },
        "rootfs": {
            "time": _render_time(item.writable_layer.timestamp),
            "usedBytes": item.writable_layer.used_bytes.value,
            "inodesUsed": item.writable_layer.inodes_used.value,
        },
    }


async def render_resource_metrics(cri: CriClient) -> bytes:
    """Return the metrics that metrics-server reads."""
    total, available = info.read_memory()
    lines = [
        "# TYPE node_cpu_usage_seconds_total counter",
        f"node_cpu_usage_seconds_total {_read_cpu_nanoseconds() / 1e9}",
        "# TYPE node_memory_working_set_bytes gauge",
        f"node_memory_working_set_bytes {total - available}",
    ]
    cpu = ["# TYPE container_cpu_usage_seconds_total counter"]
    memory = ["# TYPE container_memory_working_set_bytes gauge"]
    for item in await cri.list_container_stats():
        labels = item.attributes.labels
        text = (
            f'{{container="{item.attributes.metadata.name}",'
            f'namespace="{labels.get(pod_state.POD_NAMESPACE, "")}",'
            f'pod="{labels.get(pod_state.POD_NAME, "")}"}}'
        )
        cpu.append(f"container_cpu_usage_seconds_total{text} {item.cpu.usage_core_nano_seconds.value / 1e9}")
        memory.append(f"container_memory_working_set_bytes{text} {item.memory.working_set_bytes.value}")
    return ("\n".join([*lines, *cpu, *memory]) + "\n").encode()


def _read_cpu_nanoseconds() -> int:
    """Time in which any CPU was busy, since boot."""
    values = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    ticks = [int(value) for value in values]
    busy = sum(ticks[:8]) - ticks[3] - ticks[4]
    return busy * 10_000_000


def _read_boot_time() -> str:
    up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return timestamps.show(datetime.fromtimestamp(time.time() - up, UTC))


def _render_time(nanoseconds: int) -> str:
    return timestamps.show(datetime.fromtimestamp(nanoseconds / 1e9, UTC))
