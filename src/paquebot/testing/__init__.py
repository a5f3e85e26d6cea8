"""Conformance suites and doubles that plug-in authors use too."""
