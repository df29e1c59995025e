"""Which libraries the components need: the `kube` extra of this project, in the versions the operator has."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

from kprov.bundle.sources import PACKAGE
from kprov.errors import KprovError

EXTRA = "kube"
# Only one of its files is used; its own requirements are for the code around it.
DATA_ONLY = "kubernetes-validate"


def requirements() -> list[str]:
    """The extra's requirements, such as `aiohttp>=3.13`, in order.

    Raises:
        KprovError: kprov is neither a checkout nor installed.

    """
    project = PACKAGE.parent / "pyproject.toml"
    if project.is_file():
        extras = tomllib.loads(project.read_text())["project"]["optional-dependencies"]
        return sorted(extras[EXTRA])
    try:
        all_of_them = metadata.requires("kprov") or []
    except metadata.PackageNotFoundError as error:
        raise KprovError(
            "kprov is not installed: its metadata say which libraries components need"
        ) from error
    marker = re.compile(rf";\s*extra\s*==\s*['\"]{EXTRA}['\"]")
    return sorted(marker.split(line)[0].strip() for line in all_of_them if marker.search(line))


def constraints(wanted: list[str]) -> list[str]:
    """`name==version` of what is installed here of those and their needs: what was tested is shipped.

    An operator who has none of them gets the newest that fit.
    """
    found: dict[str, str] = {}
    queue = [name_of(line) for line in wanted]
    while queue:
        name = queue.pop()
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = f"{name}=={distribution.version}"
        queue += [name_of(line) for line in distribution.requires or [] if "extra ==" not in line]
    return sorted(found.values())


def name_of(requirement: str) -> str:
    """The name in a requirement, in the form of the package index: lower case, dashes."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()
