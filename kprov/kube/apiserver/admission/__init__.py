"""admission of apiserver."""
