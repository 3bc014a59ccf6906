"""Plans of each module: what it makes by default, and what it refuses."""
