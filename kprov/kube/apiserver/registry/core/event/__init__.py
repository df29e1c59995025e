"""Events, in both groups."""
