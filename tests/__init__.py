"""Tests, and the embedded cloud that they share."""
