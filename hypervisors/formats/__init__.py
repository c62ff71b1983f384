"""Disk image formats, read from their bytes: one module for each, and one for all other files."""
