"""
The released ActingWeb as a real client: what it stores, what it can use, what it cleans up itself.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import actingweb.db.dynamodb  # Python 3.12 warns of how its models take the time
    import actingweb.db.postgresql  # noqa: F401 - imported here so that it warns here
