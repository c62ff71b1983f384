"""What a backup archive is, by its bytes."""
