"""Ways to make the file smaller, one module each."""
