"""
The engine that every handler shares.

Reads no environment, imports no handler, touches AWS only through clients that it is given.
"""
