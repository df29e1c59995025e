"""Answers without what differs between any two servers: uids, times, versions, generated names, allocated addresses."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any, Final

import yaml

from tests.apiserver.servers import Answer

#: Compared by value.
_HEADERS: Final = (
    "Content-Type", "Allow", "Location", "Retry-After", "Www-Authenticate", "Cache-Control", "Vary",
    "X-Content-Type-Options", "Strict-Transport-Security", "Connection", "Content-Encoding",
)  # fmt: skip
#: Compared by presence.
_OPAQUE_HEADERS: Final = (
    "Audit-Id", "Etag", "Last-Modified", "X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid",
)  # fmt: skip
#: Values that a server chooses at random unless the request names one.
_ALLOCATED: Final = {"clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort"}
_JWT: Final = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_TEXTS: Final = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UID"),
    (re.compile(r"\bgen-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), "gen-RANDOM"),
    (re.compile(r"\b(127\.0\.0\.1|192\.0\.2\.1):\d+"), "SERVER"),
    (re.compile(r"\b10\.96\.0\.\d+"), "ALLOCATED"),
    (re.compile(r"X509SHA256=\w+"), "X509SHA256=FINGERPRINT"),
    # The difference of two objects, as Go prints it.
    (re.compile(r"\n@@ .*", re.DOTALL), ""),
    (re.compile(r' in scheme "[^"]*\.go:\d+"'), ""),
    (re.compile(r"requested .* without impersonating"), "requested OBJECT without impersonating"),
    (re.compile(r"\bcurrent: \d+"), "current: VERSION"),
    (re.compile(r"\bin record \(\d+\)"), "in record (VERSION)"),
    # The words of Go's decoder, and which of several faults it reports.
    (
        re.compile(r"(cannot be handled as an? \w+: )(json: |parsing time|illegal base64).*", re.DOTALL),
        r"\1DECODER",
    ),
    (re.compile(r"\bresource ?[vV]ersion[:=]? ?\"?\d{2,}"), "resourceVersion VERSION"),
)
#: An object within a message, as Go prints it or as JSON: outside the contract.
_OBJECT: Final = re.compile(
    r'(value: )(?:null|"?(?:\[\]|\*|&)?(?:map\[|\w+\.\w+\{|\{|\[).*?)(?=$|: [^:{}\[\]\"]+$)'
)
_DAY: Final = 86400


def answer(found: Answer) -> dict[str, Any]:
    """What is compared: status, headers, warnings and body."""
    headers = {name.title(): value for name, value in found.headers.items()}
    kept: dict[str, str] = {name: text(headers[name]) for name in _HEADERS if name in headers}
    kept.update({name: "PRESENT" for name in _OPAQUE_HEADERS if name in headers})
    return {
        "status": found.status,
        "headers": kept,
        "warnings": [text(each) for each in found.warnings],
        "body": _body(found.body, headers.get("Content-Type", "")),
    }


def _body(body: bytes, content_type: str) -> Any:
    if "json" in content_type and body:
        return value(_documents(body))
    if "yaml" in content_type:
        return value(yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    if body.startswith(b"# HELP"):
        return {"metrics": _metrics(body.decode())}
    if body.startswith(b"k8s\0") or "cbor" in content_type:
        return "BYTES"
    return text(body.decode(errors="replace"))


def _metrics(page: str) -> dict[str, str]:
    """Name > type and label names of the stable and beta metrics; the others are outside the contract."""
    found: dict[str, str] = {}
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            if name in found:
                found[name] = kind
        elif line.startswith("# HELP "):
            _, _, name, stability, *_ = line.split(maxsplit=4)
            if stability in {"[STABLE]", "[BETA]"}:
                found[name] = ""
        else:
            name, _, labels = line.partition("{")
            base = re.sub(r"_(bucket|sum|count)$", "", name.split()[0])
            place = base if base in found else name
            if place in found:
                names = sorted(set(re.findall(r'(\w+)="', labels)) - {"le"})
                found[place] = f"{found[place].partition(' ')[0]} {','.join(names)}".strip()
    return found


def _openapi(document: dict[str, Any]) -> dict[str, Any]:
    """Schemas without descriptions, and the operations of each path but the deprecated ones below /watch."""
    operations = {
        path: {method: found.get("operationId") for method, found in item.items() if isinstance(found, dict)}
        for path, item in (document.get("paths") or {}).items()
        if "/watch/" not in path
    }
    schemas = document.get("definitions") or document.get("components", {}).get("schemas") or {}
    return {"operations": operations, "schemas": _without_descriptions(schemas)}


def _without_descriptions(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _without_descriptions(item)
            for key, item in schema.items()
            if not (key == "description" and isinstance(item, str))
        }
    return [_without_descriptions(item) for item in schema] if isinstance(schema, list) else schema


def _documents(body: bytes) -> Any:
    """The document, or the events of a watch, one a line."""
    try:
        return json.loads(body)
    except ValueError:
        return [json.loads(line) for line in body.splitlines() if line.strip()]


def value(document: Any, key: str = "") -> Any:
    """A value to its depth."""
    if isinstance(document, dict):
        return _object(document)
    if isinstance(document, list):
        return [value(item, key) for item in document]
    if key == "resourceVersion" and document not in {"", "0"}:
        return "VERSION"
    if key == "continue" and document:
        return "TOKEN"
    if key in _ALLOCATED and document not in {"", "None", 0}:
        return "ALLOCATED"
    if key in {"iat", "exp", "nbf", "warnafter"}:
        return "TIME"
    return _scalar(document)


def _object(document: dict[str, Any]) -> Any:
    if "swagger" in document or "openapi" in document:
        return _openapi(document)
    if document.get("kind") == "Status":
        return _status(document)
    if document.get("kind") == "Table":
        document = document | {"rows": [_row(row) for row in document.get("rows") or ()]}
    if isinstance(owners := document.get("managedFields"), list):
        # Their order is by seconds.
        document = document | {"managedFields": sorted(owners, key=_owner)}
    return {text(key): value(item, key) for key, item in document.items()}


def _owner(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", "")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Cells without ages and node ports."""
    return row | {"cells": [_cell(each) if isinstance(each, str) else each for each in row["cells"]]}


def _cell(shown: str) -> str:
    shown = re.sub(r"^\d+[sm]\d*s?$|^\d+ms$", "AGE", shown)
    return re.sub(r":3\d{4}/", ":ALLOCATED/", shown)


def _status(status: dict[str, Any]) -> dict[str, Any]:
    """Causes in one order and each once; they carry the texts that the message repeats."""
    found = {key: value(item, key) for key, item in status.items() if key not in {"details", "message"}}
    message = text(status.get("message", ""))
    details = value(dict(status.get("details") or {}))
    causes = details.pop("causes", None)
    if causes:
        causes = [each | {"message": _OBJECT.sub(r"\1OBJECT", each.get("message", ""))} for each in causes]
        unique = {json.dumps(each, sort_keys=True): each for each in causes}
        details["causes"] = {
            f"{each.get('field', '')} {each.get('reason', '')} {number}": each["message"]
            for number, each in _number(
                sorted(unique.values(), key=lambda each: json.dumps(each, sort_keys=True))
            )
        }
        message = message.partition(" is invalid: ")[0]
    return found | {"message": message, "details": details}


def _number(causes: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Causes of one field and reason are counted."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for each in causes:
        place = each.get("field", ""), each.get("reason", "")
        seen[place] = seen.get(place, -1) + 1
        found.append((seen[place], each))
    return found


def _scalar(document: Any) -> Any:
    if not isinstance(document, str):
        return document
    if _JWT.fullmatch(document):
        parts = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in document.split(".")[:2]]
        return {"header": value(parts[0]) | {"kid": "KEY"}, "claims": value(parts[1])}
    return text(document)


def text(message: str) -> str:
    message = _TIME.sub(_name_time, message)
    for pattern, word in _TEXTS:
        message = pattern.sub(word, message)
    return message


def _name_time(found: re.Match[str]) -> str:
    """TIME for a time of this run; others are values of the requests."""
    moment = datetime.fromisoformat(found[0])
    near = abs((datetime.now(UTC) - moment).total_seconds()) < _DAY
    return ("MICROTIME" if found[1] else "TIME") if near else found[0]
