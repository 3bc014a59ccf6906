"""Probes of DynamoDB."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.cloud.probes import probe
from tests.cloud.probes.made import make_role, refused

if TYPE_CHECKING:
    from tests.cloud import Account

HOUR_S = 3600
YEAR_S = 365 * 24 * HOUR_S
BY_TTL = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def make_table(account: Account, name: str = "rows", **more: Any) -> Any:
    """Create a table with a hash key ``pk`` and return a client."""
    client = account.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    return client


def stream_records(account: Account) -> list[dict[str, Any]]:
    """Return what is in the stream of the table ``rows``, from its beginning."""
    streams = account.client("dynamodbstreams")
    (stream,) = streams.list_streams(TableName="rows")["Streams"]
    arn = stream["StreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator)["Records"]
    return records


@probe
def dynamodb_ttl(account: Account) -> None:
    """A sweep takes what TTL would, and the stream and a metric say so."""
    client, now_s = make_table_with_ttl(account), int(time.time())
    expiries: dict[str, Any] = {
        "late": {"N": str(now_s - HOUR_S)},
        "alive": {"N": str(now_s + HOUR_S)},
        "milliseconds": {"N": str((now_s - HOUR_S) * 1000)},
        "text": {"S": str(now_s - HOUR_S)},
        "old": {"N": str(now_s - 6 * YEAR_S)},
    }
    for key, value in expiries.items():
        client.put_item(TableName="rows", Item={"pk": {"S": key}, "expires_at": value})
    client.put_item(TableName="rows", Item={"pk": {"S": "missing"}})

    assert account.sweep_ttl() == {"rows": 1}
    left = {item["pk"]["S"] for item in client.scan(TableName="rows")["Items"]}
    assert left == {"alive", "milliseconds", "text", "old", "missing"}
    client.delete_item(TableName="rows", Key={"pk": {"S": "alive"}})
    assert removals(account) == {"late": BY_TTL, "alive": None}
    assert ttl_deletions(account, now_s) == 1

    other = {"Enabled": True, "AttributeName": "other"}
    call = client.update_time_to_live
    assert refused(call, TableName="rows", TimeToLiveSpecification=other) == "ValidationException"


def make_table_with_ttl(account: Account) -> Any:
    """Create a table with a stream and TTL on ``expires_at``; return a client."""
    stream = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    client = make_table(account, StreamSpecification=stream)
    ttl = {"Enabled": True, "AttributeName": "expires_at"}
    client.update_time_to_live(TableName="rows", TimeToLiveSpecification=ttl)
    return client


def removals(account: Account) -> dict[str, Any]:
    """Return, by key, who removed each row, as the stream has it."""
    return {
        record["dynamodb"]["Keys"]["pk"]["S"]: record.get("userIdentity")
        for record in stream_records(account)
        if record["eventName"] == "REMOVE"
    }


def ttl_deletions(account: Account, now_s: int) -> float:
    """Return how many rows DynamoDB says that TTL has removed."""
    (point,) = account.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/DynamoDB",
        MetricName="TimeToLiveDeletedItemCount",
        Dimensions=[{"Name": "TableName", "Value": "rows"}],
        StartTime=now_s - 60,
        EndTime=now_s + 60,
        Period=HOUR_S,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(point["Sum"])


@probe
def dynamodb_partiql_permissions(account: Account) -> None:
    """A role that may PartiQLDelete on one table does, and may do nothing else."""
    make_table(account)
    table = f"arn:aws:dynamodb:{account.region}:{account.id}:table/rows"
    make_role(
        account,
        "cleaner",
        {"Effect": "Allow", "Action": "dynamodb:PartiQLDelete", "Resource": table},
    )
    client = account.client("dynamodb", role="cleaner")
    delete = {"Statement": 'DELETE FROM "rows" WHERE pk=?', "Parameters": [{"S": "a"}]}

    (response,) = client.batch_execute_statement(Statements=[delete])["Responses"]
    assert "Error" not in response
    for statement in ("SELECT * FROM rows WHERE pk='a'", "DELETE FROM \"other\" WHERE pk='a'"):
        call = client.execute_statement
        assert refused(call, Statement=statement) == "AccessDeniedException"
    assert account.used("cleaner") == {("dynamodb:PartiQLDelete", table)}
    assert account.denied("cleaner") == {
        ("dynamodb:PartiQLSelect", table),
        ("dynamodb:PartiQLDelete", table.replace("rows", "other")),
    }


@probe
def dynamodb_pitr_days(account: Account) -> None:
    """A recovery period that was set is told."""
    client = make_table(account)
    wanted = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}
    client.update_continuous_backups(TableName="rows", PointInTimeRecoverySpecification=wanted)

    found = client.describe_continuous_backups(TableName="rows")["ContinuousBackupsDescription"]
    assert found["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 7


@probe
def dynamodb_read_units(account: Account) -> None:
    """A page of 20 KB that a filter empties costs two and a half units; one row costs a half."""
    client = make_table(account)
    for number in range(20):
        item = {"pk": {"S": f"row-{number:02}"}, "filling": {"S": "x" * 1_000}}
        client.put_item(TableName="rows", Item=item)
    everything: dict[str, Any] = {
        "TableName": "rows",
        "FilterExpression": "attribute_exists(nothing)",
        "ReturnConsumedCapacity": "TOTAL",
    }

    assert client.scan(**everything)["ConsumedCapacity"]["CapacityUnits"] == 2.5
    assert client.scan(**everything, Limit=1)["ConsumedCapacity"]["CapacityUnits"] == 0.5
    got = client.get_item(
        TableName="rows", Key={"pk": {"S": "row-00"}}, ReturnConsumedCapacity="TOTAL"
    )
    assert got["ConsumedCapacity"]["CapacityUnits"] == 0.5


@probe
def dynamodb_partiql_batches(account: Account) -> None:
    """A batch with the same key twice deletes nothing; a deletion is in the stream."""
    client = make_table(
        account, StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    )
    client.put_item(TableName="rows", Item={"pk": {"S": "a"}, "n": {"N": "1"}})
    delete = {"Statement": 'DELETE FROM "rows" WHERE pk=? AND n < 5', "Parameters": [{"S": "a"}]}

    call = client.batch_execute_statement
    assert refused(call, Statements=[delete, delete]) == "ValidationException"
    assert client.scan(TableName="rows")["Count"] == 1
    call(Statements=[delete])
    removed = [r for r in stream_records(account) if r["eventName"] == "REMOVE"]
    assert [record["dynamodb"]["OldImage"]["n"] for record in removed] == [{"N": "1"}]


@probe
def dynamodb_leading_keys(account: Account) -> None:
    """A role held to one partition reaches it by every kind of call, and no other."""
    make_table(account)
    held = {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    table = f"arn:aws:dynamodb:{account.region}:{account.id}:table/rows"
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": table, "Condition": held}
    make_role(account, "tenant", statement)
    client = account.client("dynamodb", role="tenant")

    assert call_on_partition(client, "mine") == {""}
    assert call_on_partition(client, "yours") == {"AccessDeniedException"}
    assert refused(client.scan, TableName="rows") == "AccessDeniedException"
    for kind in (transact, batch_get):
        assert (kind(client, "mine"), kind(client, "mine", "yours")) == (
            "",
            "AccessDeniedException",
        )


def transact(client: Any, *keys: str) -> str:
    """Delete one partition's row and check the others in a transaction; return the error code."""
    first, *others = ({"TableName": "rows", "Key": {"pk": {"S": key}}} for key in keys)
    absent = {"ConditionExpression": "attribute_not_exists(pk)"}
    items = [{"Delete": first}, *({"ConditionCheck": {**other, **absent}} for other in others)]
    return refused(client.transact_write_items, TransactItems=items)


def batch_get(client: Any, *keys: str) -> str:
    """Read a row of each partition at once; return the error code."""
    wanted = {"rows": {"Keys": [{"pk": {"S": key}} for key in keys]}}
    return refused(client.batch_get_item, RequestItems=wanted)


def call_on_partition(client: Any, key: str) -> set[str]:
    """Make each kind of call that names a partition; return the error codes that came."""
    value = {"S": key}
    batch = [{"DeleteRequest": {"Key": {"pk": value}}}]
    statement = {"Statement": "DELETE FROM rows WHERE pk=?", "Parameters": [value]}
    query: dict[str, Any] = {
        "KeyConditionExpression": "#k = :k",
        "ExpressionAttributeNames": {"#k": "pk"},
        "ExpressionAttributeValues": {":k": value},
    }
    return {
        refused(client.put_item, TableName="rows", Item={"pk": value}),
        refused(client.get_item, TableName="rows", Key={"pk": value}),
        refused(client.query, TableName="rows", **query),
        refused(client.batch_write_item, RequestItems={"rows": batch}),
        refused(client.batch_execute_statement, Statements=[statement]),
    }


@probe
def application_autoscaling(account: Account) -> None:
    """A table's scaling target and policy are kept, told and removed."""
    client = account.client("application-autoscaling")
    about = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/rows",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    policy = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
    client.register_scalable_target(**about, MinCapacity=1, MaxCapacity=5, Tags={"a": "b"})
    client.register_scalable_target(**about, MaxCapacity=9)
    client.put_scaling_policy(
        **about, **policy, TargetTrackingScalingPolicyConfiguration={"TargetValue": 70.0}
    )

    (target,) = client.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 9)
    tags = client.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"]
    assert tags == {"a": "b"}
    (kept,) = client.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
    assert kept["TargetTrackingScalingPolicyConfiguration"] == {"TargetValue": 70.0}
    client.deregister_scalable_target(**about)
    assert client.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"] == []
    assert client.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"] == []
