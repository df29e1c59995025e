"""plugins of scheduler."""
