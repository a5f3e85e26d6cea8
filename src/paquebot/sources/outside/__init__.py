"""Databases that are not ours: where people's data already is, read as it stands and never written."""
