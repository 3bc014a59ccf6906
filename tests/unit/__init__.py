"""Tests of one piece of Python at a time; the whole folder stays under 30 seconds."""
