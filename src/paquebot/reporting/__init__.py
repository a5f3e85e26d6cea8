"""Somebody is told: the receipt, the partner's confirmation, people."""
