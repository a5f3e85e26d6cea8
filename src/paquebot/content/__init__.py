"""Rows become what may leave: fields, order, obfuscation."""
