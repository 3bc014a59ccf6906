"""
The released ActingWeb as a real client: what it stores, what it can use, what it cleans up itself.
"""
