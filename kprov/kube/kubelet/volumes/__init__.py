"""Volumes of pods: what is mounted where, and kept up to date. Called by the pod workers."""
