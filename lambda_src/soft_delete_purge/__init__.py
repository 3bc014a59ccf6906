"""Removes soft-deleted records for good, with what was theirs alone; see ``handler``."""
