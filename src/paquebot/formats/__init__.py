"""Rows become a file, one format a module."""
