"""Parts of a migration as commands by themselves."""
