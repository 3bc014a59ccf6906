"""
Look at the sessions' table before its rows: its key, its size, and whether one Region writes it.

Calls: dynamodb:DescribeTable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.calls import explained
from expiry.errors import MismatchError
from upload_cleanup.settings import TABLE_VARIABLE, Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def size_bytes(client: DynamoDBClient, settings: Settings) -> int:
    """
    Make sure that a condition on a row of the table holds, and return the table's size.

    Raises:
        MismatchError: Its key is another than the session's id; or it is written in several
            Regions, where a condition holds in one of them only.
        StoreError: The table is not there, or the role may not look.
    """
    name = settings.table
    with explained("dynamodb:DescribeTable", f"table {name}", setting=TABLE_VARIABLE):
        found = client.describe_table(TableName=name)["Table"]
    keys = [key["AttributeName"] for key in found["KeySchema"]]
    if keys != [settings.attributes.session_id]:
        raise MismatchError(
            f"the key of table {name} is {', '.join(keys)}, and must be"
            f" {settings.attributes.session_id} alone; correct {TABLE_VARIABLE} or ATTRIBUTES"
        )
    regions = [replica.get("RegionName", "?") for replica in found.get("Replicas", ())]
    if regions and not settings.single_writer_region:
        raise MismatchError(
            f"table {name} has replicas ({', '.join(regions)}): a delete's condition does not see"
            " what another Region writes; set SINGLE_WRITER_REGION where only this one does"
        )
    return int(found.get("TableSizeBytes", 0))
