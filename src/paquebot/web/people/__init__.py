"""Signing in and out, the first person, a forgotten password."""
