"""The subcommands: each parses, calls, prints, and imports what it calls only when it runs."""
