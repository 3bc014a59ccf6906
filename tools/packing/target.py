"""
What Lambda's runtime brings, so that nothing of it is shipped, and nothing else is missing.
"""

from __future__ import annotations

import sys

TARGET_PYTHON = "3.13"

# The standard library is the target's, whichever Python runs this: without what is gone by 3.13,
# and without what came after it.
NOT_IN_TARGET = frozenset(
    """aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp lib2to3 mailcap
    msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
    annotationlib compression""".split()  # noqa: SIM905 - as a list it fills thirty lines
)
STDLIB = sys.stdlib_module_names - NOT_IN_TARGET

# Beside every zip in Lambda's Python runtimes. The first three are never shipped; what they need
# themselves is shipped only where the lock names it, in a version that they accept.
RUNTIME = frozenset({"boto3", "botocore", "s3transfer"})
RUNTIME_LEAVES = frozenset({"dateutil", "jmespath", "six", "urllib3"})
