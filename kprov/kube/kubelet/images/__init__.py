"""Pulls images and removes unused ones (pkg/kubelet/images). `runtime` and `app` call it."""
