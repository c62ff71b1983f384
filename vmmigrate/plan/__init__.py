"""What is asked before anything is touched."""
