"""Alerts of an export: who listens, to what, and by when it must be delivered."""
