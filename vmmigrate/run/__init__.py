"""The engine that takes recorded steps forward and back, and its files on the disk."""
