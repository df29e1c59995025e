"""The user's playbooks around operations: `hooks/before_NAME.yml`, `after_` and `failed_` of an inventory.

A hook can be any playbook. It runs with the connections and options of the operation, in check mode if the
operation does. Its tasks see the variables `kprov_operation`, `kprov_hook`, `kprov_operation_arguments` and
`kprov_operation_hosts`, and `kprov_error` if the operation failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from kprov import suggestions
from kprov.errors import InputError, KprovError
from kprov.inventory.vault.vault_format import Unsafe
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.phases import OperationContext, Phase, PlaybookFailedError
from kprov.operations.progress import Progress
from kprov.playbook.loading import playbook_loader
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult

FOLDER = "hooks"
_MOMENTS = ("before", "after", "failed")
#: Commands with hooks that are not operations.
_COMMANDS = ("up", "reset")


@dataclass(frozen=True)
class Hooks:
    """The playbooks of one operation, None for those that the inventory does not have."""

    operation: str
    before: Path | None = None
    after: Path | None = None
    failed: Path | None = None


@dataclass(frozen=True)
class HookProgress(Progress):
    """Whether the hooks of an operation have finished."""

    key: ClassVar[str] = "hooks"
    older_key: ClassVar[str] = "hook {field}"

    before: bool = False
    after: bool = False


def find_hooks(directory: Path, operation: str, operations: Iterable[str]) -> Hooks:
    """Return the hooks of an operation beside the inventory. Raises InputError for any wrong hook file."""
    files = read_hook_files(directory, operations)
    names = [f"{moment}_{_file_word(operation)}" for moment in _MOMENTS]
    return Hooks(operation, *(files.get(name) for name in names))


def read_hook_files(directory: Path, operations: Iterable[str]) -> dict[str, Path]:
    """Return all hooks by name. Raises InputError for an unknown name, and for a playbook that is wrong.

    `operations` are the words of all operations. Files in subfolders (tasks, roles, templates) are not hooks.
    """
    words = [_file_word(name) for name in (*_COMMANDS, *operations)]
    known = {f"{moment}_{word}" for word in words for moment in _MOMENTS}
    files: dict[str, Path] = {}
    folder = directory / FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix not in (".yml", ".yaml") or not path.is_file():
            continue
        if path.stem not in known:
            text = f"there is no hook of this name{suggestions.hint(path.stem, known)}"
            raise InputError(
                f"{text} (before_, after_ or failed_ with {', '.join(sorted(words))})", file=path
            )
        if path.stem in files:
            raise InputError(f"the hook exists twice, also as {files[path.stem].name}", file=path)
        playbook_loader.load_playbook(path)
        files[path.stem] = path
    return files


def add_hook_phases(context: OperationContext, hooks: Hooks, phases: Sequence[Phase]) -> list[Phase]:
    """Return the phases with the hooks before and after them.

    A resumed operation does not repeat a hook that has finished.
    """
    before = [_make_phase(context, hooks.operation, "before", hooks.before)] if hooks.before else []
    after = [_make_phase(context, hooks.operation, "after", hooks.after)] if hooks.after else []
    return [*before, *phases, *after]


def _make_phase(context: OperationContext, operation: str, moment: str, path: Path) -> Phase:
    def plan() -> list[str]:
        return [] if getattr(HookProgress.read(context.memory), moment) else [f"run the playbook {path}"]

    def run() -> None:
        result = run_hook(context.cluster, path, operation, moment, context.options, context.arguments)
        context.runs.append(result)
        if not context.options.check:
            replace(HookProgress.read(context.memory), **{moment: True}).store(context.memory)

    return Phase(f"Hook {path.name}", plan, run, check=run)


def report_failure(
    cluster: Cluster,
    hooks: Hooks,
    options: RunOptions,
    callbacks: Callbacks,
    error: str,
    arguments: dict[str, Any] | None = None,
) -> None:
    """Run the hook of a failed operation. If the hook fails too, that is a warning.

    A check that fails runs no hook, since nothing was tried.
    """
    if hooks.failed is None or options.check:
        return
    try:
        run_hook(cluster, hooks.failed, hooks.operation, "failed", options, arguments, error)
    except KprovError as failure:
        callbacks.warning(f"the hook {hooks.failed.name} failed: {failure}")


@contextmanager
def catch_failure(
    cluster: Cluster, hooks: Hooks, options: RunOptions, callbacks: Callbacks
) -> Iterator[None]:
    """Run the hook of a failed operation if the block raises KprovError, then raise the error again."""
    try:
        yield
    except KprovError as error:
        report_failure(cluster, hooks, options, callbacks, str(error))
        raise


def run_hook(
    cluster: Cluster,
    path: Path,
    operation: str,
    moment: str,
    options: RunOptions,
    arguments: dict[str, Any] | None = None,
    error: str = "",
) -> RunResult:
    """Run the playbook of a hook on the hosts that it names and --limit allows.

    Raises PlaybookFailedError, but not for hosts that were already unreachable when the operation started.
    """
    engine = cluster.engine
    variables = {
        "kprov_operation": operation,
        "kprov_hook": moment,
        "kprov_operation_arguments": arguments or {},
        # It has output of hosts.
        "kprov_error": Unsafe(error),
        "kprov_operation_hosts": list((arguments or {}).get("hosts") or _list_hosts(cluster)),
    }
    before = engine.options
    engine.options = replace(
        options,
        command="phase",
        tags=("all",),
        skip_tags=(),
        start_at_task=None,
        resume=None,
        extra_vars=options.extra_vars | variables,
        plan=options.check,
        journal=cluster.artifacts / "journal",
    )
    try:
        result = engine.run(path)
    finally:
        engine.options = before
    if any(
        stats.failed or (stats.unreachable and host not in engine.unreachable_hosts)
        for host, stats in result.hosts.items()
    ):
        raise PlaybookFailedError(result)
    return result


def _list_hosts(cluster: Cluster) -> list[str]:
    return cluster.chosen() if cluster.engine.options.limit else cluster.members(*GROUPS)


def _file_word(operation: str) -> str:
    return operation.replace(" ", "_").replace("-", "_")
