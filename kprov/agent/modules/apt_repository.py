"""ansible.builtin.apt_repository: a line of apt's sources."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.apt import cache as apt_cache
from kprov.agent.apt import sources_list
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths
from kprov.agent.files.attributes import set_attributes

ARGUMENTS: dict[str, dict[str, Any]] = {
    "repo": {"required": True},
    "state": {"default": "present", "choices": ["absent", "present"]},
    "mode": {"type": "raw"},
    "update_cache": {"type": "bool", "default": True, "aliases": ["update-cache"]},
    "update_cache_retries": {"type": "int", "default": 5},
    "update_cache_retry_max_delay": {"type": "int", "default": 12},
    "filename": {},
    # This installs python3-apt for Ansible's module. This module does not need it.
    "install_python_apt": {"type": "bool", "default": True},
    "validate_certs": {"type": "bool", "default": True},
    "codename": {},
}
RULES: dict[str, Any] = {"diff": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Add or remove a source, and update the package lists."""
    repo = args["repo"]
    if not repo:
        raise ModuleError("Please set argument 'repo' to a non-empty value")
    if repo.startswith("ppa:"):
        raise ModuleError(
            f"{repo}: PPAs are not supported; use deb822_repository with the PPA's uris and signed_by"
        )
    sources = sources_list.load_files()
    before = {path: sources_list.render_file(lines) for path, lines in sources.items() if lines}
    source, new_file = sources_list.parse_repository(repo), None
    if args["state"] == "present":
        new_file = sources_list.add_source(sources, source, args["filename"])
    else:
        sources_list.remove_source(sources, source)
    after = {path: sources_list.render_file(lines) for path, lines in sources.items() if lines}
    added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    warnings: list[str] = []
    result: dict[str, Any] = {
        "changed": before != after,
        "repo": repo,
        "sources_added": added,
        "sources_removed": removed,
        "state": args["state"],
        "diff": [_difference(path, before, after) for path in (*added, *removed)] if context.diff else [],
    }
    if before != after and not context.check:
        _save(before, after, args["mode"], new_file)
        if args["update_cache"]:
            try:
                apt_cache.update_lists({**args, "lock_timeout": 60}, warnings)
            except ModuleError:
                _save(after, before, None, None)
                raise
    return {**result, "warnings": warnings} if warnings else result


def _difference(path: str, before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    return {
        "before": before.get(path, ""),
        "after": after.get(path, ""),
        "before_header": path if path in before else "/dev/null",
        "after_header": path if path in after else "/dev/null",
    }


def _save(before: dict[str, str], after: dict[str, str], mode: Any, new_file: str | None) -> None:
    for path, text in after.items():
        if before.get(path) != text:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            paths.write_file(path, text.encode("utf-8", "surrogateescape"), {})
            if path == new_file:
                set_attributes(path, {"mode": mode}, check=False)
    for path in set(before) - set(after):
        os.unlink(path)
