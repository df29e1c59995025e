"""The record of a lab in its folder, and the lock that lets one command at a time change it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kprov.debian.packages import RELEASE
from kprov.errors import InputError
from kprov.lab.definition import STATE, Lab


@dataclass(frozen=True)
class Record:
    """A lab, and the image of each release that its hosts have."""

    lab: Lab
    images: Mapping[str, Path]


def load_record(name: str) -> Record | None:
    """Return the record of a lab, or None if it does not exist."""
    file = STATE / name / "lab.json"
    if not file.exists():
        return None
    document = json.loads(file.read_text())
    # Records of earlier versions have one image, of the default release.
    releases = tuple(document.get("releases", [RELEASE]))
    isolated = document.get("isolated", False)
    lab = Lab(document["name"], document["subnet"], document["hosts"], releases, isolated)
    images = document.get("images", {RELEASE: document["image"]})
    return Record(lab, {release: Path(path) for release, path in images.items()})


def require_record(name: str) -> Record:
    """Return the record of a lab. Raises InputError if it does not exist."""
    record = load_record(name)
    if record is None:
        others = ", ".join(list_names()) or "none"
        raise InputError(f"there is no lab {name!r} (labs: {others}); `kprov lab up` creates one")
    return record


def save_record(record: Record) -> None:
    lab = record.lab
    document = {
        "name": lab.name,
        "subnet": lab.subnet,
        "hosts": lab.host_count,
        "gateway": lab.gateway,
        "addresses": {host.name: host.address for host in lab.hosts},
        "releases": list(lab.releases),
        "isolated": lab.isolated,
        "images": {release: str(path) for release, path in record.images.items()},
        # Read by earlier versions.
        "image": str(record.images.get(RELEASE, next(iter(record.images.values())))),
    }
    file = lab.folder / "lab.json"
    aside = file.with_suffix(".new")
    aside.write_text(json.dumps(document, indent=2) + "\n")
    aside.rename(file)


def list_names() -> list[str]:
    """Return the sorted names of all labs."""
    return sorted(file.parent.name for file in STATE.glob("*/lab.json"))


@contextmanager
def lock_lab(name: str) -> Iterator[None]:
    """Wait until no other command changes the lab."""
    # Not in the lab's folder, which is removed while the lock is held.
    folder = Path("/run/lock")
    folder.mkdir(exist_ok=True)
    with (folder / f"kprov-lab-{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
