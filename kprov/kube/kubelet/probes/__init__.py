"""Liveness, readiness and startup probes, and the runner of their handlers (pkg/kubelet/prober).

``kubelet.py`` and ``runtime`` call it. It imports pods, events and cri.
"""
