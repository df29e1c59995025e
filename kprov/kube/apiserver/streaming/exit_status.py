"""The exit status of a command: convert a kubelet's SPDY error stream to the Status for a WebSocket.

Source: upstream client-go/tools/remotecommand/{v1,v2,v4}.go, apiserver/pkg/util/proxy/streamtranslator.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from kprov.kube.machinery import status

_EXITED: Final = "command terminated with exit code"


def parse_status(said: bytes, number: int) -> dict[str, Any]:
    """said: the bytes of the error stream. number: the protocol version; older versions send text."""
    if not said:
        return {"metadata": {}, "status": "Success"}
    if number < 4:
        words = "error executing remote command" if number > 1 else "Error executing remote command"
        return build_error_status(status.internal_error(f"{words}: {said.decode(errors='replace')}"))
    try:
        document = orjson.loads(said)
    except ValueError as error:
        shown = status.quoted(said.decode(errors="replace"))
        return build_error_status(status.internal_error(f"error stream protocol error: {error} in {shown}"))
    if not isinstance(document, dict):
        document = {}
    if document.get("status") == "Success":
        return {"metadata": {}, "status": "Success"}
    if document.get("status") != "Failure":
        return build_error_status(status.internal_error("error stream protocol error: unknown error"))
    if document.get("reason") != "NonZeroExitCode":
        return build_error_status(status.internal_error(str(document.get("message", ""))))
    return _build_exit_status(document)


def _build_exit_status(document: Mapping[str, Any]) -> dict[str, Any]:
    if not document.get("details"):
        return build_error_status(status.internal_error("error stream protocol error: details must be set"))
    for cause in document["details"].get("causes") or ():
        if cause.get("reason") != "ExitCode":
            continue
        code = str(cause.get("message", ""))
        if not code.isascii() or not code.isdecimal() or int(code) > 255:
            text = f"error stream protocol error: invalid exit code value {status.quoted(code)}"
            return build_error_status(status.internal_error(text))
        return {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: {_EXITED} {int(code)}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(int(code))}]},
        }
    return build_error_status(status.internal_error("error stream protocol error: no ExitCode cause given"))


def build_error_status(error: status.StatusError) -> dict[str, Any]:
    """Build the Status without kind and apiVersion, as upstream writes it."""
    return {name: value for name, value in error.status.items() if name not in {"kind", "apiVersion"}}
