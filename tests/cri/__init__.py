"""A runtime by its CRI endpoint, in the manner of critest: the same tests for each runtime.

Without more they start a Docker Engine and cri-docker (root; Debian's packages docker.io, busybox-static and
containernetworking-plugins). KPROV_TEST_CRI_ENDPOINT=unix:///PATH takes a runtime that runs,
KPROV_TEST_CRI_IMAGE an image with a shell that it has.
"""
