"""The mark by which a changed container is told (kubecontainer.HashContainer)."""

import json

from kprov.kube.kubelet.pods import Container


def container_hash(container: Container) -> str:
    """Of name and image only: other changes do not restart a container. Hexadecimal FNV-1a, 32 bits."""
    fields = {"image": container.get("image", ""), "name": container["name"]}
    value = 0x811C9DC5
    for byte in json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{value:x}"
