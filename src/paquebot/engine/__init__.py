"""When and where runs happen."""
