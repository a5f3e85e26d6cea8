"""The file becomes a parcel: named, compressed, encrypted, sealed."""
