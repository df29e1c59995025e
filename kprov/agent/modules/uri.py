"""ansible.builtin.uri: a request that the host sends to a web service."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.parse
from typing import Any, Iterator

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths
from kprov.agent.files.attributes import set_attributes
from kprov.agent.web import form_body, url_requests

ARGUMENTS: dict[str, dict[str, Any]] = {
    **url_requests.ARGUMENTS,
    "url_username": {"aliases": ["user"]},
    "url_password": {"aliases": ["password"], "no_log": True},
    "dest": {"type": "path"},
    "body": {"type": "raw"},
    "body_format": {"default": "raw", "choices": ["form-urlencoded", "json", "raw", "form-multipart"]},
    "src": {"type": "path"},
    "method": {"default": "GET"},
    "return_content": {"type": "bool", "default": False},
    "follow_redirects": {"default": "safe", "choices": ["all", "no", "none", "safe", "urllib2", "yes"]},
    "creates": {"type": "path"},
    "removes": {"type": "path"},
    "status_code": {"type": "list", "elements": "int", "default": [200]},
    "timeout": {"type": "int", "default": 30},
    "headers": {"type": "dict", "default": {}},
    "unix_socket": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "ca_path": {"type": "path"},
}
RULES: dict[str, Any] = {
    "file_arguments": True,
    "check_mode": False,
    "mutually_exclusive": [["body", "src"]],
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Send the request; return the response's headers, status, content and JSON."""
    method = args["method"].upper()
    if not re.fullmatch("[A-Z]+", method):
        text = "Parameter 'method' needs to be a single word in uppercase, like GET or POST."
        raise ModuleError(text)
    headers = dict(args["headers"])
    body = _encode_body(args, headers, context)
    for name, skip_if_present, word in (("creates", True, "exists"), ("removes", False, "does not exist")):
        if args[name] is not None and os.path.exists(args[name]) is skip_if_present:
            text = f"skipped, since '{args[name]}' {word}"
            return {"stdout": text, "stdout_lines": [text], "changed": False}
    dest = args["dest"]
    start = time.monotonic()
    with _open_body(args, headers, context, body) as data:
        request = url_requests.Request(
            args["url"],
            args,
            headers,
            method,
            data=data,
            since=os.path.getmtime(dest) if dest is not None and os.path.isfile(dest) else None,
            redirects=args["follow_redirects"],
            unix_socket=args["unix_socket"],
            ca_path=args["ca_path"],
        )
        response, info = url_requests.fetch(request)
    return _make_result(args, response, info, int(time.monotonic() - start))


def _encode_body(args: dict[str, Any], headers: dict[str, Any], context: Context) -> Any:
    body, kind = args["body"], args["body_format"]
    has_content_type = "content-type" in [name.lower() for name in headers]
    if kind == "json":
        if not has_content_type:
            headers["Content-Type"] = "application/json"
        return body if isinstance(body, str) else json.dumps(body)
    if kind == "form-urlencoded":
        if not has_content_type:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return form_body.encode_form(body)
    if kind == "form-multipart":
        files = {name: context.content(sha) for name, sha in (args.get("_files") or {}).items()}
        headers["Content-Type"], body = form_body.encode_multipart(body, files)
    return body


@contextlib.contextmanager
def _open_body(args: dict[str, Any], headers: dict[str, Any], context: Context, body: Any) -> Iterator[Any]:
    """Yield the body, or the open file to send: `src` of this host, or a file of the operator (`_sha256`)."""
    src, sha = args["src"], args.get("_sha256")
    if sha is None and not src:
        yield body
        return
    path = context.content_file(sha) if sha is not None else src
    if not os.access(path, os.R_OK):
        raise ModuleError(f"Unable to open source file {src}", elapsed=0)
    try:
        with open(path, "rb") as file:
            headers["Content-Length"] = os.fstat(file.fileno()).st_size
            yield file
    finally:
        if sha is not None:
            os.unlink(path)


def _make_result(
    args: dict[str, Any], response: url_requests.Response | None, info: dict[str, Any], elapsed: int
) -> dict[str, Any]:
    url, dest, expected_statuses = (
        url_requests.mask_credentials(args["url"]),
        args["dest"],
        args["status_code"],
    )
    kind, charset = _content_type(response)
    maybe_json = kind.rpartition("/")[2].rpartition("+")[2].lower() in ("json", "javascript")
    content: bytes | None = None
    if maybe_json or args["return_content"] or info["status"] not in expected_statuses:
        content = _read_content(response, info, url)
    result: dict[str, Any] = {"redirected": info["url"] != url, **info, "elapsed": elapsed, "changed": False}
    if response is not None and dest is not None:
        if os.path.isdir(dest):
            dest = os.path.join(dest, _file_name(response))
        if info["status"] in expected_statuses and info["status"] != 304:
            _write_content(dest, content, response, args, result)
            set_attributes(dest, args, check=False)
            result["changed"] = True
        result["path"] = dest
    values = _result_values(result, url)
    if content is not None:
        text = content.decode(charset, "surrogateescape")
        if maybe_json:
            with contextlib.suppress(ValueError):
                values["json"] = json.loads(text)
    if args["return_content"]:
        values["content"] = None if content is None else text
    if "path" in values:
        values.update(paths.path_info(values["path"]))
    if info["status"] not in expected_statuses:
        message = values.pop("msg", "")
        raise ModuleError(
            f"Status code was {info['status']} and not {expected_statuses}: {message}", **values
        )
    return values


def _read_content(response: url_requests.Response | None, info: dict[str, Any], url: str) -> bytes:
    try:
        error_body = info.pop("body", None)
        return response.stream.read() if error_body is None and response is not None else error_body or b""
    except http.client.HTTPException as error:
        raise ModuleError(f"HTTP Error while fetching {url}: {error}") from None


def _result_values(result: dict[str, Any], url: str) -> dict[str, Any]:
    """Return the result with header names as variable names, the body as text, and an absolute location."""
    values = {name.replace("-", "_").lower(): value for name, value in result.items()}
    if isinstance(values.get("body"), bytes):
        values["body"] = values["body"].decode("utf-8", "replace")
    if "location" in values:
        values["location"] = urllib.parse.urljoin(url, values["location"])
    return values


def _content_type(response: url_requests.Response | None) -> tuple[str, str]:
    """Return the media type and character set of a response."""
    if response is None:
        return "application/octet-stream", "utf-8"
    kind = response.headers.get_content_type() or "application/octet-stream"
    return kind.split(",")[0], str(response.headers.get_param("charset") or "utf-8").split(",")[0]


def _file_name(response: url_requests.Response) -> str:
    filename = response.headers.get_param("filename", header="content-disposition")
    if filename:
        return os.path.basename(str(filename))
    path = urllib.parse.urlparse(response.url)[2].rstrip("/")
    return urllib.parse.unquote(os.path.basename(path)) or "index.html"


def _write_content(
    dest: str,
    content: bytes | None,
    response: url_requests.Response,
    args: dict[str, Any],
    result: dict[str, Any],
) -> None:
    """Write the response's content to a file if it differs from the file's content."""
    try:
        aside = paths.make_temporary(os.path.dirname(dest))
        try:
            digest = hashlib.sha1()
            with open(aside, "wb") as file:
                if content is not None:
                    file.write(content)
                else:
                    shutil.copyfileobj(response.stream, file)
            with open(aside, "rb") as file:
                for part in iter(lambda: file.read(1 << 20), b""):
                    digest.update(part)
            if digest.hexdigest() != paths.sha1(dest):
                paths.replace_file(aside, dest, {"follow": False, "unsafe_writes": args["unsafe_writes"]})
        finally:
            if os.path.lexists(aside):
                os.unlink(aside)
    except OSError as error:
        message = result.pop("msg", "")
        raise ModuleError(f"failed to write {dest}: {error} {message}".rstrip(), **result) from None
