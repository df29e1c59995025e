"""Warnings about volumes with overlapping file paths.

Source: upstream pkg/api/pod/warnings.go, warningsForOverlappingVirtualPaths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

#: (path, origin). The origin is "" outside projected volumes.
_File = tuple[str, str]

_KINDS: Final = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"))
_CERTIFICATES: Final = (
    ("certificateChainPath", "chain"),
    ("keyPath", "key"),
    ("credentialBundlePath", "credential bundle"),
)


def find_overlaps(volumes: Iterable[JsonObject]) -> Iterator[str]:
    """Warnings about overlapping paths, in the order of the volumes."""
    for volume in volumes:
        start = f"volume {status.quoted(volume.get('name', ''))}"
        for kind, shown, name in _KINDS:
            source = volume.get(kind) or {}
            what = f"{start} ({shown} {status.quoted(source.get(name, ''))})"
            yield from _find_collisions(what, _list_files(source, ""))
        yield from _find_collisions(
            f"{start} (DownwardAPI)", _list_files(volume.get("downwardAPI") or {}, "")
        )
        sources = (volume.get("projected") or {}).get("sources") or []
        yield from (f"{start} (Projected) has no sources provided" for source in sources if not source)
        files = [file for source in sources for file in _list_projected_files(source)]
        yield from _find_collisions(f"{start} (Projected)", files)


def _list_files(source: JsonObject, origin: str) -> list[_File]:
    return [(item.get("path", ""), origin) for item in source.get("items") or ()]


def _list_projected_files(source: JsonObject) -> list[_File]:
    """Return the files of a projected source."""
    for kind, shown in (("configMap", "ConfigMap"), ("secret", "Secret")):
        held = source.get(kind)
        if held is not None and held.get("items") is not None:
            return _list_files(held, f"{shown} {status.quoted(held.get('name', ''))}")
    if (source.get("downwardAPI") or {}).get("items") is not None:
        return _list_files(source["downwardAPI"], "DownwardAPI")
    if source.get("serviceAccountToken") is not None:
        return [(source["serviceAccountToken"].get("path", ""), "ServiceAccountToken")]
    bundle = source.get("clusterTrustBundle")
    if bundle is not None:
        name = bundle["name"] if bundle.get("name") is not None else bundle.get("signerName", "")
        return [(bundle.get("path", ""), f"ClusterTrustBundle {status.quoted(name)}")]
    certificate = source.get("podCertificate") or {}
    files = ((certificate.get(field), f"PodCertificate {shown}") for field, shown in _CERTIFICATES)
    return [(path, origin) for path, origin in files if path]


def _find_collisions(what: str, files: Iterable[_File]) -> Iterator[str]:
    before: list[_File] = []
    for path, origin in files:
        file = path.rstrip("/"), origin
        for other in before:
            if _is_overlapping(file[0], other[0]):
                yield f"{what}: overlapping paths: {_format_file(file)} with {_format_file(other)}"
        before.append(file)


def _is_overlapping(path: str, other: str) -> bool:
    if not path or not other:
        return False
    return f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/")


def _format_file(file: _File) -> str:
    path, origin = file
    return f"{status.quoted(path)} ({origin})" if origin else status.quoted(path)
