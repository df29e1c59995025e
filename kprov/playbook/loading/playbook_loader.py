"""Load playbooks and the files that a play includes; all mistakes of a playbook are reported together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import trust, yaml_file
from kprov.playbook.ansible_modules.finder import find_collection_folder
from kprov.playbook.ansible_modules.search import ModuleSearch
from kprov.playbook.loading import (
    keyword_checks,
    name_templates,
    playbook_keywords,
)
from kprov.playbook.loading.play_loader import PlayLoader, find_play
from kprov.playbook.loading.problems import Problems
from kprov.playbook.model.plays import Block, Node, Play, Task
from kprov.playbook.model.search_paths import SearchPaths
from kprov.transport import agent_modules


def load_playbook(
    path: Path, paths: SearchPaths | None = None, extra_vars: dict[str, Any] | None = None
) -> list[Play]:
    """Load all plays of a playbook and of imported playbooks. Raises InputError with all problems.

    `extra_vars` are those of -e: the names of imports and roles may be templates of them.
    """
    problems = Problems()
    with problems.collect():
        plays = _load_plays(path, paths or SearchPaths(), problems, extra_vars or {})
    problems.report(path)
    return plays


def _load_plays(
    path: Path,
    paths: SearchPaths,
    problems: Problems,
    extra_vars: dict[str, Any],
    above: tuple[Path, ...] = (),
) -> list[Play]:
    """Load a playbook; `above` are the playbooks that import it."""
    if not path.exists():
        raise InputError("the playbook does not exist", file=path)
    document = yaml_file.load_yaml(path)
    if not isinstance(document, list):
        raise InputError("a playbook must be a list of plays", file=path, line=1)
    plays: list[Play] = []
    for index, entry in enumerate(document):
        line = yaml_file.line_of(document, index)
        with problems.collect():
            if not isinstance(entry, dict):
                raise InputError("a play must be a mapping", file=path, line=line)
            imported = entry.get("import_playbook", entry.get("ansible.builtin.import_playbook"))
            if imported is not None:
                inside = (*above, path.resolve())
                plays += _load_import(entry, str(imported), path, paths, problems, extra_vars, inside)
                continue
            plays.append(PlayLoader(path, paths, problems, extra_vars).load_play(entry, line))
    return plays


def make_single_task_play(
    pattern: str, module: str, arguments: Any, paths: SearchPaths | None = None
) -> Play:
    """Make a play of one task: a module on the hosts of a pattern."""
    task = {"name": module, module: arguments or None}
    text = json.dumps([{"hosts": pattern, "gather_facts": False, "tasks": [task]}])
    document = yaml_file.parse_yaml(text, "-m")
    problems = Problems()
    play = PlayLoader(Path.cwd() / "-m", paths or SearchPaths(), problems).load_play(document[0], None)
    problems.report(Path("-m"))
    if play.warnings:
        # There is nothing else to run.
        raise InputError(play.warnings[0])
    return play


def _load_import(
    entry: Any,
    name: str,
    path: Path,
    paths: SearchPaths,
    problems: Problems,
    extra_vars: dict[str, Any],
    above: tuple[Path, ...],
) -> list[Play]:
    keyword_checks.check_keywords(
        entry,
        playbook_keywords.IMPORT_PLAYBOOK | {"ansible.builtin.import_playbook"},
        "import_playbook",
        path,
    )
    if "{{" in name:
        place = Node({}, file=str(path), line=entry.line)
        name = name_templates.render_playbook_name(
            name, path.parent.resolve(), extra_vars, entry.get("vars") or {}, place
        )
    target = path.parent / name
    if not target.is_file():
        of_collection = _find_collection_playbook(name, path.parent, paths)
        if of_collection is None:
            reason = f"was not found as {target}"
            raise InputError(
                f"the playbook {name} {reason}", file=path, line=entry.line, field="import_playbook"
            )
        target = of_collection
    if target.resolve() in above:
        files = " > ".join(file.name for file in (*above[above.index(target.resolve()) :], target))
        text = f"playbooks import each other in a loop: {files}"
        raise InputError(text, file=path, line=entry.line, field="import_playbook")
    plays = _load_plays(target, paths, problems, extra_vars, above)
    for play in plays:
        play.variables = {**play.variables, **(entry.get("vars") or {})}
        play.keywords["tags"] = keyword_checks.to_list(play.keywords.get("tags")) + keyword_checks.to_list(
            entry.get("tags")
        )
        play.keywords["when"] = keyword_checks.to_list(entry.get("when")) + keyword_checks.to_list(
            play.keywords.get("when")
        )
    return plays


def _find_collection_playbook(name: str, directory: Path, paths: SearchPaths) -> Path | None:
    """Return the file of a collection's playbook by its full name, or None."""
    if name.count(".") < 2 or "/" in name:
        return None
    namespace, collection, book = name.split(".", 2)
    search = ModuleSearch((directory.resolve(),), paths)
    folder = find_collection_folder(f"{namespace}.{collection}", search.collections)
    stem = book.removesuffix(".yml").removesuffix(".yaml").replace(".", "/")
    files = [folder / "playbooks" / f"{stem}{end}" for end in (".yml", ".yaml")] if folder else []
    return next((file for file in files if file.is_file()), None)


def load_included_tasks(path: Path, around: Node, problems: Problems | None = None) -> list[Task | Block]:
    """Load the tasks of a file that a running play includes.

    Raises InputError with all problems of the file, unless the caller collects them.
    """
    collected = Problems() if problems is None else problems
    play = find_play(around)
    loader = PlayLoader(path, play.paths, collected, play.extra_vars)
    trust.refuse_fetched(path, "tasks")
    tasks = loader.load_tasks(yaml_file.load_yaml(path), around, around.role, file=path)
    if problems is None:
        collected.report(path)
    return tasks


def load_included_role(
    args: dict[str, Any], play: Play, around: Node, problems: Problems | None = None
) -> list[Task | Block]:
    """Load the tasks of a role that a running play includes.

    Raises InputError with all problems of its files, unless the caller collects them.
    """
    collected = Problems() if problems is None else problems
    public = agent_modules.parse_boolean(args.get("public"))
    name, place = str(args["name"]), (around.file, around.line)
    loader = PlayLoader(Path(play.file), play.paths, collected, play.extra_vars)
    role, tasks = loader.load_role(name, play, around, {}, {}, place, args=args, public=public)
    if problems is None:
        collected.report(role.path)
    play.role_names.append(role.name)
    return tasks
