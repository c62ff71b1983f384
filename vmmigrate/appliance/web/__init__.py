"""The web console of 4.x and 5.x, driven as a person would."""
