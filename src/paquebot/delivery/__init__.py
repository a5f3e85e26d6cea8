"""The parcel leaves: one kind of destination a module."""
