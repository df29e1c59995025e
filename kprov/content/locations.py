"""The folders of kprov's own playbooks, roles and templates, in a checkout and in an installed wheel.

In a checkout they stand at the top of the repository, where Ansible looks for them. The build of the wheel
copies them beside this module (setup.py).
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def find_content(package: Path) -> Path:
    """Return the folder with playbooks/, roles/ and templates/; `package` is the folder of kprov.content."""
    return package if (package / "playbooks").is_dir() else package.parents[1]


#: The folder with playbooks/, roles/ and templates/.
CONTENT = find_content(Path(str(resources.files(__package__))))
PLAYBOOKS = CONTENT / "playbooks"
ROLES = CONTENT / "roles"
