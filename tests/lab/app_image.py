"""An image that no bundle has: `python -m tests.lab.app_image FILE` writes it as a docker archive."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kprov.bundle import image_packages, store
from kprov.bundle.images import Entry, pack_image
from kprov.debian.packages import debian_architecture, read_member

APP = "registry.example.com:5000/team/app:1"


def make_app() -> bytes:
    """An image whose only program is the busybox of the bundle's images."""
    arch = os.uname().machine
    deb = image_packages.fetch_package(
        "busybox-static", arch=arch, cache=store.DEFAULT, lock=image_packages.read_lock(), say=lambda _: None
    )
    entries = [Entry("busybox", 0o755, read_member(deb, "usr/bin/busybox"))]
    config = {"Cmd": ["/busybox", "sleep", "3600"]}
    return pack_image([APP], entries, architecture=debian_architecture(arch), config=config)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(make_app())
