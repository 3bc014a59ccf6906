"""Claim jobs: one owner a key, leases that end, fences that only grow."""
