"""The model: the real program over `fixtures.model`, moved in every way between any two of its effects."""
