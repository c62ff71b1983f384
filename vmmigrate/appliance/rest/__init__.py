"""The REST back end of 6.x, as a profile describes it."""
