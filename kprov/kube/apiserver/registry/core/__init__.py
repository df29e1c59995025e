"""The kinds of the core group, a folder a kind."""
