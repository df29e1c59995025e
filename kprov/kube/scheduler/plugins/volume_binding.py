"""VolumeBinding: volumes of claims are not placed yet; a pod that has one says so instead of failing later."""

from kprov.kube.scheduler.framework import Cycle, Plugin


class VolumeBinding(Plugin):
    name = "VolumeBinding"

    def pre_filter(self, cycle: Cycle) -> str | None:
        claims = [
            (volume.get("persistentVolumeClaim") or {}).get("claimName") or volume.get("name", "")
            for volume in cycle.pod.pod.spec.volumes
            if "persistentVolumeClaim" in volume or "ephemeral" in volume
        ]
        if not claims:
            return None
        named = ", ".join(f'"{claim}"' for claim in claims)
        return f"persistentvolumeclaim {named}: this scheduler does not bind volumes yet"
