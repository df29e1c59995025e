"""The programs of a bundle, and the small scripts that start them."""

from __future__ import annotations

from kprov.contract.components import table

# -I: neither the environment nor the working directory say what is imported; -S: nor does the host's
# site-packages. bin/NAME is reached through /opt/kprov/current, so the real path names the bundle: a program
# keeps the libraries it was started with when that link moves on.
_LAUNCHER = """\
#!/usr/bin/python{python} -IS
import os, runpy, sys
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/lib")
runpy.run_module("kprov.kube.{folder}", run_name="__main__", alter_sys=True)
"""


def list_programs() -> dict[str, str]:
    """Return upstream's name of each program, and the folder in kprov/kube that it is."""
    return {component.name: component.program for component in table.list_programs()}


def render_launcher(name: str, python: str) -> str:
    """Render the script bin/NAME for a host's Python, such as 3.13."""
    return _LAUNCHER.format(python=python, folder=list_programs()[name])
