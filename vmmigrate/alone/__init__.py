"""Parts of a migration as separate commands."""
