"""Values that must not be read are replaced by their digests, one algorithm a module."""
