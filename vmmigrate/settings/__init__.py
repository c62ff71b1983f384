"""What the operator says: settings, where secrets come from, where runs rest."""
