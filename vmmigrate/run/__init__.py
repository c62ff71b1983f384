"""What drives recorded steps forward and back, and what it keeps on the disk."""
