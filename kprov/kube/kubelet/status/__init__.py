"""Pod statuses: computed from spec and runtime, sent when they change. Called by the pod workers."""
