"""ansible.posix.authorized_key: SSH keys that may log in as a user."""

from __future__ import annotations

import os
import pwd
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import urlparse

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths

ARGUMENTS: dict[str, dict[str, Any]] = {
    "user": {"required": True},
    "key": {"required": True},
    "path": {"type": "path"},
    "manage_dir": {"type": "bool", "default": True},
    "state": {"choices": ["absent", "present"], "default": "present"},
    "key_options": {},
    "exclusive": {"type": "bool", "default": False},
    "comment": {},
    "validate_certs": {"type": "bool", "default": True},
    "follow": {"type": "bool", "default": False},
}
RULES: dict[str, Any] = {"diff": True}
#: Key types of OpenSSH, with and without certificates.
_TYPES = {
    "ssh-dss", "ssh-rsa", "rsa-sha2-256", "rsa-sha2-512", "ssh-ed25519", "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-xmss@openssh.com",
}  # fmt: skip
_TYPES |= {name.replace("@openssh.com", "") + "-cert-v01@openssh.com" for name in _TYPES}

_Options = List[Tuple[str, Optional[str]]]


class _Key(NamedTuple):
    """A line of the file. For a line that is not a key, `kind` is empty and `data` is the line."""

    data: str
    kind: str
    options: _Options
    comment: str

    def line(self) -> str:
        if not self.kind:
            return self.data
        options = ",".join(name if value is None else f"{name}={value}" for name, value in self.options)
        return f"{options + ' ' if options else ''}{self.kind} {self.data} {self.comment}\n"

    def is_same_key(self, other: _Key) -> bool:
        """Whether both lines are the same key with the same options, in any order."""
        return (self.kind, self.comment, _by_name(self.options)) == (
            other.kind,
            other.comment,
            _by_name(other.options),
        )


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Add keys to a user's authorized_keys (`exclusive`: remove all others), or remove them."""
    result: dict[str, Any] = {name: args[name] for name in ARGUMENTS}
    if args["key"].startswith("http"):
        raise ModuleError("keys are not fetched on the host: use key: \"{{ lookup('url', 'https://...') }}\"")
    key_lines = [
        line for line in _read_key_source(args["key"]).splitlines() if line and not line.startswith("#")
    ]
    path = result["keyfile"] = _key_file(args, context, follow=False)
    before = paths.read_text(path) if os.path.isfile(path) else ""
    keys = _parse_file(before)
    # New keys come last, in the order of the argument. A key with new options moves to the end too.
    ranks = _line_numbers(before)
    end, requested, changed = len(keys), [], False
    for index, line in enumerate(key_lines):
        key = _parse_requested_key(line, args)
        existing = keys.get(key.data)
        if args["state"] == "absent":
            if existing is not None:
                del keys[key.data]
                changed = True
            continue
        requested.append(key.data)
        if existing is None or not key.is_same_key(existing):
            keys[key.data] = key
            ranks[key.data] = end + index
            changed = True
    if args["state"] == "present" and args["exclusive"]:
        for data in set(keys) - set(requested):
            del keys[data]
            changed = True
    result["changed"] = changed
    if changed:
        after = "".join(keys[data].line() for data in sorted(keys, key=lambda data: ranks[data]))
        _write_keys(args, context, result, before, after)
    if args["path"] is not None:
        result.update(paths.path_info(args["path"]))
    return result


def _write_keys(
    args: dict[str, Any], context: Context, result: dict[str, Any], before: str, after: str
) -> None:
    target = _key_file(args, context, follow=args["follow"])
    if context.diff:
        result["diff"] = {
            "before_header": result["keyfile"],
            "after_header": target,
            "before": before,
            "after": after,
        }
    if context.check:
        return
    user = pwd.getpwnam(args["user"])
    folder = os.path.dirname(args["path"] or target)
    if args["manage_dir"]:
        if not os.path.exists(folder):
            try:
                os.mkdir(folder, 0o700)
            except OSError as error:
                raise ModuleError(f"Failed to create directory {folder} : {error}") from None
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.chmod(folder, 0o700)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    attributes = {"owner": user.pw_uid, "group": user.pw_gid, "mode": "0600", "follow": args["follow"]}
    paths.write_file(target, after.encode("utf-8", "surrogateescape"), attributes)


def _read_key_source(key: str) -> str:
    if not key.startswith("file"):
        return key
    path = urlparse(key).path
    if not os.path.exists(path):
        raise ModuleError(f"Path to a key file not found: {path}")
    if not os.path.isfile(path):
        raise ModuleError(f"Path to a key is a directory and must be a file: {path}")
    return paths.read_text(path)


def _key_file(args: dict[str, Any], context: Context, *, follow: bool) -> str:
    path: str | None = args["path"]
    if path is None or not context.check:
        try:
            home = pwd.getpwnam(args["user"]).pw_dir
        except KeyError as error:
            if context.check:
                text = "Either user must exist or you must provide full path to key file in check mode"
                raise ModuleError(text) from None
            raise ModuleError(f"Failed to lookup user {args['user']}: {error.args[0]!r}") from None
        path = path or os.path.join(home, ".ssh", "authorized_keys")
    return os.path.realpath(path) if follow else path


def _parse_requested_key(line: str, args: dict[str, Any]) -> _Key:
    key = _parse_key(line)
    if key is None:
        raise ModuleError(f"invalid key specified: {line}")
    if args["key_options"] is not None:
        key = key._replace(options=_parse_options(args["key_options"]))
    if args["comment"] is not None:
        key = key._replace(comment=args["comment"])
    return key


def _parse_file(text: str) -> Dict[str, _Key]:
    """Return the lines by key; of several lines with the same key, the last one."""
    keys: Dict[str, _Key] = {}
    for line in text.splitlines(keepends=True):
        key = _parse_key(line) or _Key(line, "", [], "")
        keys[key.data] = key
    return keys


def _line_numbers(text: str) -> Dict[str, int]:
    lines = text.splitlines(keepends=True)
    return {(_parse_key(line) or _Key(line, "", [], "")).data: index for index, line in enumerate(lines)}


def _parse_key(line: str) -> _Key | None:
    words = line.replace(r"\#", "#").split()
    if words and words[0] == "#":
        return _Key(line.replace(r"\#", "#"), "", [], "")
    type_index = next((index for index, word in enumerate(words) if word in _TYPES), None)
    if type_index is None or len(words) < type_index + 2:
        return None
    return _Key(
        words[type_index + 1],
        words[type_index],
        _parse_options(" ".join(words[:type_index])),
        " ".join(words[type_index + 2 :]),
    )


def _parse_options(text: str) -> _Options:
    """Split options at the commas outside of quotes."""
    options: _Options = []
    for part in re.findall(r"""(?:[^,"']|"[^"]*"|'[^']*')+""", text):
        name, equals, value = part.partition("=")
        options.append((name, value if equals else None))
    return options


def _by_name(options: _Options) -> Dict[str, List[Optional[str]]]:
    values_by_name: Dict[str, List[Optional[str]]] = {}
    for name, value in options:
        values_by_name.setdefault(name, []).append(value)
    return values_by_name
