"""
What no emulator can settle, asked of AWS itself: opt-in, in an account of the user's own.

    make conformance TARGET=aws

Makes one table, one bucket and one role, all named `expiry-conformance-…`, and removes them; costs
less than a cent. Uses the caller's ordinary credentials and Region.
"""
