"""Rows come in: one kind of project database a module."""
