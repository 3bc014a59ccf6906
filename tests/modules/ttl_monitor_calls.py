"""The calls of the module `ttl-monitor` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

TABLE = {
    "name": "sessions",
    "arn": "arn:aws:dynamodb:eu-west-1:111122223333:table/sessions",
    "hash_key": "thread_id",
    "range_key": "checkpoint_id",
    "ttl_attribute": "expires_at",
}
BUCKET = {"name": "reports", "arn": "arn:aws:s3:::reports"}
PLAIN: Arguments = {"name": "ttl", "environment": "prod", "table": TABLE}
