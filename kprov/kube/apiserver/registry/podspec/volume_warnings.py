"""Warnings of volumes whose files would lie on or in each other.

Source: upstream pkg/api/pod/warnings.go, warningsForOverlappingVirtualPaths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

#: A file's path and, in a projected volume, what it comes from.
_File = tuple[str, str]

_KINDS: Final = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"))
_CERTIFICATES: Final = (
    ("certificateChainPath", "chain"),
    ("keyPath", "key"),
    ("credentialBundlePath", "credential bundle"),
)


def overlaps(volumes: Iterable[JsonObject]) -> Iterator[str]:
    """In the volumes' order."""
    for volume in volumes:
        start = f"volume {status.quoted(volume.get('name', ''))}"
        for kind, shown, name in _KINDS:
            source = volume.get(kind) or {}
            what = f"{start} ({shown} {status.quoted(source.get(name, ''))})"
            yield from _collisions(what, _items(source, ""))
        yield from _collisions(f"{start} (DownwardAPI)", _items(volume.get("downwardAPI") or {}, ""))
        sources = (volume.get("projected") or {}).get("sources") or []
        yield from (f"{start} (Projected) has no sources provided" for source in sources if not source)
        files = [file for source in sources for file in _projected(source)]
        yield from _collisions(f"{start} (Projected)", files)


def _items(source: JsonObject, origin: str) -> list[_File]:
    return [(item.get("path", ""), origin) for item in source.get("items") or ()]


def _projected(source: JsonObject) -> list[_File]:
    """Files of the first kind that the source has."""
    for kind, shown in (("configMap", "ConfigMap"), ("secret", "Secret")):
        held = source.get(kind)
        if held is not None and held.get("items") is not None:
            return _items(held, f"{shown} {status.quoted(held.get('name', ''))}")
    if (source.get("downwardAPI") or {}).get("items") is not None:
        return _items(source["downwardAPI"], "DownwardAPI")
    if source.get("serviceAccountToken") is not None:
        return [(source["serviceAccountToken"].get("path", ""), "ServiceAccountToken")]
    bundle = source.get("clusterTrustBundle")
    if bundle is not None:
        name = bundle["name"] if bundle.get("name") is not None else bundle.get("signerName", "")
        return [(bundle.get("path", ""), f"ClusterTrustBundle {status.quoted(name)}")]
    certificate = source.get("podCertificate") or {}
    found = ((certificate.get(field), f"PodCertificate {shown}") for field, shown in _CERTIFICATES)
    return [(path, origin) for path, origin in found if path]


def _collisions(what: str, files: Iterable[_File]) -> Iterator[str]:
    before: list[_File] = []
    for path, origin in files:
        file = path.rstrip("/"), origin
        for other in before:
            if _overlap(file[0], other[0]):
                yield f"{what}: overlapping paths: {_shown(file)} with {_shown(other)}"
        before.append(file)


def _overlap(path: str, other: str) -> bool:
    if not path or not other:
        return False
    return f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/")


def _shown(file: _File) -> str:
    path, origin = file
    return f"{status.quoted(path)} ({origin})" if origin else status.quoted(path)
