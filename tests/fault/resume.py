"""Goes on with an inventory's last run: `python -m tests.fault.resume INVENTORY REPORT`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kprov.cli.progress import Progress
from kprov.inventory.load import load
from kprov.playbook.engine import Engine
from kprov.playbook.result import RunOptions


def main(inventory: str, report: str) -> int:
    """The exit code of the run."""
    loaded = load(Path(inventory))
    options = RunOptions(journal=loaded.directory / "artifacts" / "journal")
    with Engine(loaded, options, Progress(verbose=True)) as engine:
        result = engine.resume()
    Path(report).write_text(json.dumps(result.report()))
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
