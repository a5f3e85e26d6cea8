"""Ways to tell people, one module each."""
