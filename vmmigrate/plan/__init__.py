"""The checks before anything is changed."""
