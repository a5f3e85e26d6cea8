"""Alerts: who listens, what is told, and the messages on their way."""
