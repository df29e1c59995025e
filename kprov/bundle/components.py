"""The programs of a bundle, and the small scripts that start them."""

from __future__ import annotations

# Upstream's name of each program, and the folder in kprov/kube that it is.
COMPONENTS = {
    "kube-apiserver": "apiserver",
    "kube-controller-manager": "controller_manager",
    "kube-scheduler": "scheduler",
    "kubelet": "kubelet",
    "kube-proxy": "proxy",
    "cluster-dns": "dns",
    "pod-network": "pod_network",
    "local-path-provisioner": "local_path_provisioner",
}

# -I: neither the environment nor the working directory say what is imported; -S: nor does the host's
# site-packages. bin/NAME is reached through /opt/kprov/current, so the real path names the bundle: a program
# keeps the libraries it was started with when that link moves on.
_LAUNCHER = """\
#!/usr/bin/python{python} -IS
import os, runpy, sys
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/lib")
runpy.run_module("kprov.kube.{folder}", run_name="__main__", alter_sys=True)
"""


def render_launcher(name: str, python: str) -> str:
    """Render the script bin/NAME for a host's Python, such as 3.13."""
    return _LAUNCHER.format(python=python, folder=COMPONENTS[name])
