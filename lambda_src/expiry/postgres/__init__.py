"""
PostgreSQL for every handler that needs it: connect, run, and know the tables before touching them.

Touches AWS only through what it is given; the command line runs without boto3.
"""
