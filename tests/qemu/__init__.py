"""QEMU and the box that it boots: shared by the tests in Vagrant's machines and in one without Vagrant."""
