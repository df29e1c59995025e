"""Events of both groups, v1 and events.k8s.io."""
