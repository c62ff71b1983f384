"""Damaged and hostile inputs for every parser: only the product's own errors may come out."""
