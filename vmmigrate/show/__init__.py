"""What a person or a program reads: lines of text and JSON."""
