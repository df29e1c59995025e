"""Adds to the wheel what stands elsewhere in the repository; pyproject.toml has everything else.

The playbooks, roles and templates go to kprov/content, where kprov.content.locations looks for them. A file
gets the components' build information, as in a bundle: in a checkout git has it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

FOLDERS = ("playbooks", "roles", "templates")
#: playbooks/roles is a link for Ansible.
LEFT_OUT = ("__pycache__", "roles")
BUILD_INFO = Path("kprov/kube/component_base/build_info.json")


def write_build_info(target: Path) -> None:
    """Write the commit and its date below `target`; a source distribution has the file already."""
    module = ".".join(BUILD_INFO.with_suffix("").parts)
    done = subprocess.run([sys.executable, "-m", module], stdout=subprocess.PIPE, text=True, check=True)
    (target / BUILD_INFO).write_text(done.stdout)


class BuildWithContent(build_py):
    """Builds the package with its playbooks, roles and templates. An editable one reads the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder in FOLDERS:
            target = Path(self.build_lib, "kprov/content", folder)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
        write_build_info(Path(self.build_lib))


class SourceWithBuildInfo(sdist):
    """Makes a source distribution that knows its commit without git."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        write_build_info(Path(base_dir))


setup(cmdclass={"build_py": BuildWithContent, "sdist": SourceWithBuildInfo})
