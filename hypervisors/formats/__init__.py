"""Disk image formats read from their bytes: a module for each, and one for whatever else is handed over."""
