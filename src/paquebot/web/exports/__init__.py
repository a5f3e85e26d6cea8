"""The pages of exports: the list, one export, and what can be done to it."""
