"""The page of a run: what exactly happened, and what can be done about it."""
