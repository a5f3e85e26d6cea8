"""Paquebot: automated recurring exports that are produced, protected, delivered and proved."""

__version__ = "0.1.0"
