"""Targeting criteria as forms: built row by row, counted as one goes."""
