"""Limits of a cgroup: what they are, and how they are written for files and for systemd (pkg/kubelet/cm)."""

from collections.abc import Sequence
from dataclasses import dataclass

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.pods import resources


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupLimits:
    """0 and None: not limited. `quota` and `period`: microseconds. `memory`: bytes."""

    shares: int | None = None
    quota: int = 0
    period: int = 100_000
    memory: int = 0
    pids: int = 0

    def render_files(self, *, version_2: bool) -> dict[str, dict[str, str]]:
        """Return value by file by controller. The order of files is the order in which they are written."""
        cpu: dict[str, str] = {}
        if self.shares is not None:
            if version_2:
                cpu["cpu.weight"] = str(_compute_weight(self.shares))
            else:
                cpu["cpu.shares"] = str(self.shares)
        if self.quota and version_2:
            cpu["cpu.max"] = f"{self.quota} {self.period}"
        elif self.quota:
            cpu |= {"cpu.cfs_period_us": str(self.period), "cpu.cfs_quota_us": str(self.quota)}
        file = "memory.max" if version_2 else "memory.limit_in_bytes"
        files = {"cpu": cpu, "memory": {file: str(self.memory)} if self.memory else {}}
        return files | ({"pids": {"pids.max": str(self.pids)}} if self.pids else {})

    def list_properties(self, *, version_2: bool) -> list[str]:
        """Properties of a slice for `systemctl set-property`."""
        properties = []
        if self.shares is not None:
            weight = f"CPUWeight={_compute_weight(self.shares)}"
            properties.append(weight if version_2 else f"CPUShares={self.shares}")
        if self.quota:
            # systemd takes hundredths of a percent of one CPU.
            percent = round(self.quota / self.period * 100, 2)
            properties += [f"CPUQuota={percent:.2f}%", f"CPUQuotaPeriodSec={self.period}us"]
        if self.memory:
            properties.append(f"{'MemoryMax' if version_2 else 'MemoryLimit'}={self.memory}")
        if self.pids:
            properties.append(f"TasksMax={self.pids}")
        return properties


def compute_pod_limits(pod: Pod, config: KubeletConfiguration) -> CgroupLimits:
    """Return the limits of a pod's cgroup: the sum of its containers' (ResourceConfigForPod)."""
    period = int(config.cpu_cfs_period * 1_000_000)
    cpu, memory = resources.sum_limits(pod, "cpu"), resources.sum_limits(pod, "memory")
    return CgroupLimits(
        shares=resources.milli_cpu_to_shares(resources.sum_requests(pod, "cpu")),
        quota=resources.milli_cpu_to_quota(cpu, period) if cpu and config.cpu_cfs_quota else 0,
        period=period,
        memory=memory or 0,
        pids=max(0, config.pod_pids_limit),
    )


def compute_burstable_limits(pods: Sequence[Pod]) -> CgroupLimits:
    """Return the weight of all burstable pods together: the sum of their requests (setCPUCgroupConfig)."""
    burstable = [pod for pod in pods if resources.get_qos_class(pod) == resources.BURSTABLE]
    request = sum(resources.sum_requests(pod, "cpu") for pod in burstable)
    return CgroupLimits(shares=resources.milli_cpu_to_shares(request))


#: The pods without requests and limits have the least weight together.
BEST_EFFORT_LIMITS = CgroupLimits(shares=resources.milli_cpu_to_shares(0))


def _compute_weight(shares: int) -> int:
    """Return the weight of version 2 of cgroups, 1 to 10000, of shares from 2 to 262144."""
    return 1 + ((shares - 2) * 9999) // 262142
