"""Encodes forms as bodies of requests, as browsers do."""

from __future__ import annotations

import base64
import mimetypes
import os
import random
import re
import textwrap
import urllib.parse
from typing import Any

from kprov.agent.context import ModuleError


def encode_form(body: Any) -> Any:
    """URL-encode a mapping or a list of pairs. Repeat the name for a list as value; omit None."""
    if not isinstance(body, (dict, list, tuple)):
        return body
    pairs = []
    for pair in body.items() if isinstance(body, dict) else body:
        try:
            key, values = pair
        except (TypeError, ValueError) as error:
            raise ModuleError(f"failed to parse body as form_urlencoded: {error}", elapsed=0) from None
        items = values if isinstance(values, (dict, list, tuple)) else [values]
        pairs += [(str(key), str(value)) for value in items if value is not None]
    return urllib.parse.urlencode(pairs, doseq=True)


def encode_multipart(fields: Any, contents: dict[str, bytes]) -> tuple[str, bytes]:
    """Return Content-Type and body. `contents` are the operator's files by field. Raises ModuleError."""
    if not isinstance(fields, dict):
        raise _part_error(f"Mapping is required, cannot be type {type(fields).__name__}")
    boundary = f"==============={random.getrandbits(63):019d}=="
    parts = [_encode_part(str(name), fields[name], contents.get(name)) for name in sorted(fields)]
    line = f"--{boundary}".encode()
    body = b"\r\n".join([item for part in parts for item in (line, part)] + [line + b"--", b""])
    return f'multipart/form-data; boundary="{boundary}"', body


def _part_error(text: str) -> ModuleError:
    return ModuleError(f"failed to parse body as form-multipart: {text}")


def _encode_part(name: str, value: Any, content: bytes | None) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if isinstance(value, str):
        return f"Content-Type: text/plain\r\n{disposition}\r\n\r\n".encode() + _use_crlf(value.encode())
    if not isinstance(value, dict):
        raise _part_error(f"value must be a string, or mapping, cannot be type {type(value).__name__}")
    filename, text = value.get("filename"), value.get("content")
    if not filename and not text:
        raise _part_error("at least one of filename or content must be provided")
    kind = value.get("mime_type") or mimetypes.guess_type(filename or "", strict=False)[0]
    head = f"Content-Type: {kind or 'application/octet-stream'}\r\n{disposition}"
    if filename:
        head += f'; filename="{os.path.basename(filename)}"'
    if text:
        return f"{head}\r\n\r\n".encode() + _use_crlf(str(text).encode())
    encoding = value.get("multipart_encoding") or "base64"
    if encoding not in ("base64", "7or8bit"):
        raise _part_error("multipart_encoding must be one of dict_keys(['base64', '7or8bit']).")
    if content is None:
        with open(str(filename), "rb") as file:
            content = file.read()
    if encoding == "base64":
        lines = textwrap.wrap(base64.b64encode(content).decode(), 76)
        return (
            f"Content-Transfer-Encoding: base64\r\n{head}\r\n\r\n".encode()
            + "\r\n".join([*lines, ""]).encode()
        )
    transfer_encoding = "7bit" if content.isascii() else "8bit"
    return f"Content-Transfer-Encoding: {transfer_encoding}\r\n{head}\r\n\r\n".encode() + _use_crlf(content)


def _use_crlf(data: bytes) -> bytes:
    """End lines with CRLF, as forms require. Contents that must not change are sent as base64."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", data)
