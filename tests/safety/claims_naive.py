"""
The claim that one would write first: look whether the key is free, then put the row.

It is what the calls and the safety of the claims are compared with.
"""

from __future__ import annotations

import time
from typing import Any


class NaiveClaims:
    """Claim by get, then put."""

    def __init__(self, dynamodb: Any, table: str, lease_s: int = 3_600) -> None:
        """Claim rows of *table*."""
        self.dynamodb, self.table, self.lease_s = dynamodb, table, lease_s

    def claim(self, key: str, container: str) -> bool:
        """Return whether this container thinks that the key is its own."""
        asked = {"projectUserId": {"S": key}}
        row = self.dynamodb.get_item(TableName=self.table, Key=asked, ConsistentRead=True)
        now_s = int(time.time())
        if int(row.get("Item", {}).get("expiresAt", {}).get("N", 0)) > now_s:
            return False
        item = {
            **asked,
            "containerId": {"S": container},
            "expiresAt": {"N": str(now_s + self.lease_s)},
        }
        self.dynamodb.put_item(TableName=self.table, Item=item)
        return True
