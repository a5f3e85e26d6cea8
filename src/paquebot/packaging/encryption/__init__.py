"""Ways to close the file for its reader, one module each."""
