"""Recognise, check and list backup archives from their bytes."""
