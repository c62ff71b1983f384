"""The operator's settings, the sources of secrets, the folders of runs."""
