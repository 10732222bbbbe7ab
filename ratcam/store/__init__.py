"""Stores: what must outlive a crash, in TinyDB files that are readable and replaced atomically."""
