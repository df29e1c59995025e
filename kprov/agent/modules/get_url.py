"""ansible.builtin.get_url: a file that the host downloads from a server."""

from __future__ import annotations

import email.message
import hashlib
import http.client
import os
import re
import tempfile
import time
import urllib.parse
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import disk_space, paths
from kprov.agent.files.attributes import set_attributes
from kprov.agent.web import url_requests

ARGUMENTS: dict[str, dict[str, Any]] = {
    **url_requests.ARGUMENTS,
    "url_username": {"aliases": ["username"]},
    "url_password": {"aliases": ["password"], "no_log": True},
    "dest": {"type": "path", "required": True},
    "backup": {"type": "bool", "default": False},
    "checksum": {"default": ""},
    "headers": {"type": "dict"},
    "tmp_dest": {"type": "path"},
}
RULES: dict[str, Any] = {"file_arguments": True}


class _UnchangedError(Exception):
    """The server reports that the file has not changed (304)."""


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring `dest` to the content of `url`."""
    dest = args["dest"]
    result: dict[str, Any] = {
        "changed": False,
        "checksum_dest": None,
        "checksum_src": None,
        "dest": dest,
        "elapsed": 0,
        "url": url_requests.mask_credentials(args["url"]),
    }
    try:
        return _add_path_info(_run(args, context, result))
    except _UnchangedError as same:
        return _add_path_info(dict(same.args[0]))
    except ModuleError as error:
        error.result = _add_path_info({**error.result})
        raise


def _add_path_info(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, **(paths.path_info(result["dest"]) if "dest" in result else {})}


def _run(args: dict[str, Any], context: Context, result: dict[str, Any]) -> dict[str, Any]:
    dest = args["dest"]
    algorithm, checksum = _parse_checksum(args, result)
    since, force = None, args["force"]
    in_folder = os.path.isdir(dest)
    if not in_folder and os.path.exists(dest):
        if checksum and not force:
            if paths.hash_file(dest, algorithm) == checksum:
                result["changed"] = set_attributes(dest, args, check=context.check)
                suffix = " but file attributes changed" if result["changed"] else ""
                return {"msg": f"file already exists{suffix}", **result}
            force = True
        since = os.path.getmtime(dest)
    start = time.monotonic()
    folder = dest if in_folder else os.path.dirname(dest) or "."
    source, info = _download(
        args["url"], args, dest, folder, since=since, force=force, method="HEAD" if context.check else "GET"
    )
    try:
        result.update(elapsed=int(time.monotonic() - start), src=source)
        if in_folder:
            dest = result["dest"] = os.path.join(dest, _file_name(info))
        result["checksum_src"] = paths.sha1(source)
        _check_destination(dest, result)
        if context.check:
            result["changed"] = result["checksum_src"] != result["checksum_dest"]
            return {"msg": info.get("msg", ""), **result}
        if checksum:
            _check_download(source, algorithm, checksum, result)
        if result["checksum_src"] != result["checksum_dest"]:
            if args["backup"] and os.path.exists(dest):
                result["backup_file"] = paths.make_backup(dest)
            _replace_destination(source, dest, args, result)
            result["changed"] = True
    finally:
        if os.path.lexists(source):
            os.unlink(source)
    result["changed"] = set_attributes(dest, args, check=False) or result["changed"]
    result["md5sum"] = _hash_md5(dest)
    return {"msg": info.get("msg", ""), "status_code": info["status"], **result}


def _check_download(source: str, algorithm: str, checksum: str, result: dict[str, Any]) -> None:
    actual = paths.hash_file(source, algorithm)
    if actual != checksum:
        text = f"The checksum for {source} did not match {checksum}; it was {actual}."
        raise ModuleError(text, **result)


def _hash_md5(path: str) -> str | None:
    try:
        return paths.hash_file(path, "md5")
    except ValueError:
        # Hosts in FIPS mode do not provide MD5.
        return None


def _check_destination(dest: str, result: dict[str, Any]) -> None:
    """Reject a destination that is not writable; add the checksum of an existing file to the result."""
    if os.path.exists(dest):
        for mode, word in ((os.W_OK, "writable"), (os.R_OK, "readable")):
            if not os.access(dest, mode):
                raise ModuleError(f"Destination {dest} is not {word}", **result)
        result["checksum_dest"] = paths.sha1(dest)
        return
    folder = os.path.dirname(dest)
    if not os.path.exists(folder):
        raise ModuleError(f"Destination {folder} does not exist", **result)
    if not os.access(folder, os.W_OK):
        raise ModuleError(
            f"Destination {folder} is not writable{disk_space.explain_write_failure(folder)}", **result
        )


def _replace_destination(source: str, dest: str, args: dict[str, Any], result: dict[str, Any]) -> None:
    folder = os.path.dirname(dest)
    options = {"unsafe_writes": args["unsafe_writes"], "follow": False}
    try:
        can_rename = os.path.dirname(source) == folder or not os.access(folder, os.W_OK)
        paths.replace_file(source if can_rename else paths.make_temporary_copy(source, folder), dest, options)
    except OSError as error:
        raise ModuleError(f"failed to copy {source} to {dest}: {error}", **result) from None


def _download(
    url: str,
    args: dict[str, Any],
    dest: str,
    folder: str,
    *,
    since: float | None,
    force: bool,
    method: str = "GET",
) -> tuple[str, dict[str, Any]]:
    """Download a URL to a temporary file in `tmp_dest` or a folder; return its path and response values."""
    start = time.monotonic()
    request = url_requests.Request(url, {**args, "force": force}, args["headers"] or {}, method, since=since)
    response, info = url_requests.fetch(request)
    error_values = {
        "url": url_requests.mask_credentials(url),
        "dest": dest,
        "elapsed": int(time.monotonic() - start),
    }
    if info["status"] == 304:
        raise _UnchangedError(
            {**error_values, "changed": False, "msg": info.get("msg", ""), "status_code": 304}
        )
    if info["status"] == -1:
        raise ModuleError(info["msg"], **error_values)
    has_no_status = url.startswith(("file:/", "ftp:/"))
    if response is None or (info["status"] != 200 and not has_no_status):
        raise ModuleError("Request failed", status_code=info["status"], response=info["msg"], **error_values)
    if args["tmp_dest"]:
        folder = args["tmp_dest"]
        if not os.path.isdir(folder):
            problem = (
                "is a file but should be a directory."
                if os.path.exists(folder)
                else "directory does not exist."
            )
            raise ModuleError(f"{folder} {problem}", elapsed=error_values["elapsed"])
    elif not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
        folder = tempfile.gettempdir()
    path = paths.make_temporary(os.path.abspath(folder))
    try:
        with open(path, "wb") as file:
            url_requests.save_body(response, file)
        _check_complete(path, info, args, method)
    except ModuleError:
        os.unlink(path)
        raise
    except (OSError, EOFError, http.client.HTTPException) as error:
        os.unlink(path)
        text = f"failed to create temporary content file: {error}"
        raise ModuleError(text, elapsed=error_values["elapsed"]) from None
    return path, info


def _check_complete(path: str, info: dict[str, Any], args: dict[str, Any], method: str) -> None:
    unzipped = info.get("content-encoding") == "gzip" and args["decompress"]
    if method == "HEAD" or "content-length" not in info or unzipped:
        return
    expected, size = int(info["content-length"]), os.path.getsize(path)
    if size != expected:
        text = f"Incomplete read, (rsp.length={expected - size}, cl={expected}, st.st_size={size})"
        raise ModuleError(f"{text} failed to read remaining {expected - size} bytes")


def _file_name(info: dict[str, Any]) -> str:
    """Return the file name of the response's Content-Disposition, else that of its URL."""
    message = email.message.Message()
    message["content-disposition"] = info.get("content-disposition", "")
    filename = message.get_param("filename", header="content-disposition")
    return os.path.basename(str(filename)) if filename else _last_part(info["url"])


def _last_part(url: str) -> str:
    return os.path.basename(urllib.parse.urlsplit(url)[2]) or "index.html"


def _parse_checksum(args: dict[str, Any], result: dict[str, Any]) -> tuple[str, str]:
    """Return the algorithm and digest of `checksum`, ("", "") without it. Download a URL of checksums."""
    if not args["checksum"]:
        return "", ""
    algorithm, colon, checksum = args["checksum"].partition(":")
    if not colon:
        raise ModuleError("The checksum parameter has to be in format <algorithm>:<checksum>", **result)
    if urllib.parse.urlsplit(checksum).scheme in ("http", "https", "ftp", "file"):
        checksum = _fetch_checksum(checksum, args)
    checksum = re.sub(r"\W+", "", checksum).lower()
    if not re.fullmatch("[0-9a-f]+", checksum):
        raise ModuleError("The checksum format is invalid", **result)
    if algorithm not in hashlib.algorithms_available:
        available = ", ".join(sorted(hashlib.algorithms_guaranteed))
        text = f"Could not hash file '{args['dest']}' with algorithm '{algorithm}'."
        text += f" Available algorithms: {available}"
        raise ModuleError(text, **result)
    return algorithm, checksum


def _fetch_checksum(url: str, args: dict[str, Any]) -> str:
    path, _ = _download(url, args, args["dest"], tempfile.gettempdir(), since=None, force=args["force"])
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\n") for line in file]
    finally:
        os.unlink(path)
    name = _last_part(args["url"])
    digest = next(
        (file_digest for file_digest, file_name in parse_digests(name, lines) if file_name == name), None
    )
    if digest is None:
        raise ModuleError(
            f"Unable to find a checksum for file '{name}' in '{url_requests.mask_credentials(url)}'"
        )
    return digest


_BSD = re.compile(r"^(\w+) ?\((?P<path>.+)\) ?= (?P<digest>[\w.]+)$")
_GNU = re.compile(r"^(?P<digest>[\w.]+)\s+(\*|\./|\.)?(?P<path>.+)$")


def parse_digests(name: str, lines: list[str]) -> list[tuple[str, str]]:
    """Return (digest, file) of each line of GNU or BSD checksums. A single word is the digest of `name`."""
    if len(lines) == 1 and len(lines[0].split()) == 1:
        return [(lines[0], name)]
    digests = []
    for line in lines:
        bsd, gnu = _BSD.match(line), _GNU.match(line)
        if bsd:
            digests.append((bsd["digest"], bsd["path"]))
        elif gnu:
            digests.append((gnu["digest"], gnu["path"].lstrip("./")))
    return digests
