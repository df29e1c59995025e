"""/statusz and /flagz: the version, the start time and the flags of the server.

Source: apiserver/pkg/server/statusz and flagz.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from kprov.kube.apiserver.handlers import responses
from kprov.kube.apiserver.request import negotiation
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response
from kprov.kube.component_base.options import VERSION
from kprov.kube.machinery import timestamps

_NAME: Final = "apiserver"
_GROUP: Final = "config.k8s.io"
_TEXT: Final = "text/plain"
_SERVED: Final = (negotiation.JSON, negotiation.YAML, _TEXT)
_KINDS: Final = {"/statusz": "Statusz", "/flagz": "Flagz"}
#: The paths of this module.
PATHS: Final = frozenset(_KINDS)
#: Upstream's note that programs should not parse the text.
_WARNING: Final = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees "
    "and is for debugging purposes only."
)
_DEPRECATED: Final = "v1alpha1"
#: The first segments of API paths, which /statusz does not list.
_APIS: Final = {"", "apis", "api", "openid", "openapi", ".well-known"}


class Zpages:
    """flags: values by name. paths: all paths that the server lists at /."""

    def __init__(self, flags: Mapping[str, str], paths: Sequence[str]) -> None:
        self._flags = dict(sorted(flags.items()))
        self._paths = sorted({f"/{first}" for path in paths if (first := path.split("/")[1]) not in _APIS})
        #: Set when the process starts.
        self._started = time.time()

    def answer(self, request: Request) -> Response:
        """Text, or the object that the Accept header wants by version and kind. Raise StatusError 406."""
        path = request.path
        kind = _KINDS[path]
        media_type, version = _negotiate(request.headers.get("Accept", ""), kind)
        if media_type == _TEXT:
            text = self._format_status() if path == "/statusz" else self._format_flags()
            body = f"\n{_NAME} {path[1:]}\n{_WARNING}\n{text}".encode()
            return Response(body=body, headers=responses.build_headers(f"{_TEXT}; charset=utf-8"))
        deprecated = f"This version of the {path[1:]} endpoint is deprecated. Please use a newer version."
        made = {
            "kind": kind,
            "apiVersion": f"{_GROUP}/{version}",
            "metadata": {"name": _NAME},
            **(self._build_status() if path == "/statusz" else {"flags": self._flags}),
        }
        form = negotiation.Form(media_type, pretty=negotiation.is_pretty(request, request.query))
        response = responses.build_document(
            made, form, warnings=[deprecated] if version == _DEPRECATED else ()
        )
        response.headers["Content-Type"] = f"{media_type};g={_GROUP};v={version};as={kind}"
        return response

    def _build_status(self) -> dict[str, Any]:
        version = VERSION.lstrip("v").partition("+")[0]
        return {
            "startTime": timestamps.show(datetime.fromtimestamp(self._started, UTC)),
            "uptimeSeconds": max(0, int(time.time() - self._started)),
            "goVersion": f"python{platform.python_version()}",
            "binaryVersion": version,
            "emulationVersion": version.rpartition(".")[0],
            "paths": self._paths,
        }

    def _format_status(self) -> str:
        status = self._build_status()
        seconds = status["uptimeSeconds"]
        started = datetime.fromtimestamp(self._started, UTC)
        lines = {
            "Started": f"{started:%a %b} {started.day:2} {started:%H:%M:%S UTC %Y}",
            "Up": f"{seconds // 3600} hr {seconds // 60 % 60:02} min {seconds % 60:02} sec",
            "Go version": status["goVersion"],
            "Binary version": status["binaryVersion"],
            "Emulation version": status["emulationVersion"],
            "Paths": " ".join(self._paths),
        }
        return "\n" + "".join(f"{name}: {value}\n" for name, value in lines.items())

    def _format_flags(self) -> str:
        return "".join(f"{name}: {value}\n" for name, value in self._flags.items())


def _negotiate(accept: str, kind: str) -> tuple[str, str]:
    """Return the media type and version; objects need version and kind in Accept. Raise StatusError 406."""
    if not accept.strip():
        return _TEXT, ""
    for named, values in negotiation.parse_clauses(accept):
        target = values.get("g"), values.get("v"), values.get("as")
        for media_type in _SERVED:
            if named not in {media_type, f"{media_type.partition('/')[0]}/*", "*/*"}:
                continue
            if target == (None, None, None):
                if media_type == _TEXT:
                    return _TEXT, ""
            elif media_type != _TEXT and target in {(_GROUP, "v1alpha1", kind), (_GROUP, "v1beta1", kind)}:
                return media_type, values["v"]
    raise negotiation.not_acceptable_error(_SERVED)
