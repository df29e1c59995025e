"""Write the facts about upstream's API types anew from a Kubernetes source tree, and show what changed.

`make upstream SOURCE=DIR` runs this. It needs Go (GO=PROGRAM) and changes nothing in DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).parent
FACTS = TOOLS.parents[1] / "kprov/kube/machinery/upstream"
_READER = FACTS / "api_types.py"
_RELEASE = re.compile(r'^RELEASE: Final = "(.*)"$', re.MULTILINE)

Types = dict[str, dict[str, Any]]


def generate(source: Path, go: str) -> str:
    """Return the text of the JSON file for a source tree."""
    files = sorted(str(path) for path in TOOLS.glob("*.go"))
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GO111MODULE": "off"}
    # Without a module, and in its own folder: a go.mod or go.work above has no effect.
    command = [go, "run", *files, str(source.resolve())]
    run = subprocess.run(command, cwd=TOOLS, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{go} run tools/upstream failed:\n{run.stderr}")
    return run.stdout


def describe_changes(old: Types, new: Types) -> Iterator[str]:
    """Yield a line for each type, field and enumerated value that was added, removed or changed."""
    yield from (f"+ type {name}" for name in sorted(new.keys() - old.keys()))
    yield from (f"- type {name}" for name in sorted(old.keys() - new.keys()))
    for name in sorted(old.keys() & new.keys()):
        before, after = ({f["go"]: f for f in each.get("fields", ())} for each in (old[name], new[name]))
        yield from (f"+ field {name}.{field}" for field in after if field not in before)
        yield from (f"- field {name}.{field}" for field in before if field not in after)
        for field in after:
            if field in before and before[field] != after[field]:
                yield f"  field {name}.{field}: {_encode(before[field])} > {_encode(after[field])}"
        values = [each.get("enum", []) for each in (old[name], new[name])]
        yield from (f"+ value {name} {value}" for value in values[1] if value not in values[0])
        yield from (f"- value {name} {value}" for value in values[0] if value not in values[1])


def _encode(facts: dict[str, Any]) -> str:
    return json.dumps(facts, separators=(",", ":"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="root of a Kubernetes source tree")
    parser.add_argument("--go", default="go", help="the Go program")
    options = parser.parse_args()
    text = generate(options.source, options.go)
    new = json.loads(text)
    found = _RELEASE.search(_READER.read_text())
    if found is None:
        raise SystemExit(f"{_READER} has no line RELEASE")
    old_file, new_file = FACTS / f"{found[1]}.json", FACTS / f"{new['release']}.json"
    old = json.loads(old_file.read_text())
    if old_file != new_file:
        old_file.rename(new_file)
        _READER.write_text(_RELEASE.sub(f'RELEASE: Final = "{new["release"]}"', _READER.read_text()))
        print(f"release {found[1]} > {new['release']}: schema/definitions.py needs the same release")
    new_file.write_text(text)
    changes = list(describe_changes(old["types"], new["types"]))
    print(*changes, f"{len(new['types'])} types, {len(changes)} changes", sep="\n")
    subprocess.run(["git", "--no-pager", "diff", "--stat", "--", str(FACTS)], check=True, cwd=FACTS)


if __name__ == "__main__":
    main()
