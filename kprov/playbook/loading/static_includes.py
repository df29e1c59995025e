"""Check the files of include_tasks and include_role that have literal names, for --syntax-check."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kprov.playbook.loading import play_loader, playbook_loader
from kprov.playbook.loading.play_checks import walk_tasks
from kprov.playbook.loading.problems import MissingError, Problems
from kprov.playbook.model.plays import Play, Task


def check_static_includes(path: Path, plays: Iterable[Play]) -> None:
    """Read each included file that has a literal name. Raises InputError with all problems.

    What is missing there goes to the warnings of the play: it may be there when the include runs, which
    may also never be.
    """
    problems = Problems()
    for play in plays:
        tasks = [task for section in play.sections for task in walk_tasks(section)]
        include_problems = Problems()
        _read_includes([*tasks, *play.handlers], play, include_problems, set())
        for problem in include_problems.errors:
            if isinstance(problem, MissingError):
                play.warnings.append(str(problem))
            else:
                problems.errors.append(problem)
    problems.report(path)


def _read_includes(tasks: Iterable[Task], play: Play, problems: Problems, seen: set[str]) -> None:
    for task in tasks:
        if task.module not in ("include_tasks", "include_role"):
            continue
        args = {key: value for key, value in task.args.items() if key != "apply"}
        key = repr((task.module, args, task.role and task.role.path, task.file))
        if key in seen or "{{" in str(args):
            continue
        seen.add(key)
        with problems.collect():
            if task.module == "include_role":
                nodes = playbook_loader.load_included_role(args, play, task, problems)
            else:
                name = str(args.get("file") or args.get("_raw_params") or "")
                nodes = playbook_loader.load_included_tasks(
                    play_loader.find_task_file(task, name), task, problems
                )
            _read_includes(walk_tasks(nodes), play, problems, seen)
