"""Liveness, readiness and startup probes. Called by the pod workers; imports handlers and pods."""
