"""The node itself: what it is, how it registers and tells that it lives. Called by app."""
