"""What `ttl-table` makes by default, and what it makes when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.answers import ACCOUNT
from tests.modules.plan import Arguments, PlannedModule, plan_variants
from tests.modules.ttl_table_calls import LIMITS, MODULE, call, index

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = "aws_dynamodb_table.this"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:night"

ACCEPTED: dict[str, Arguments] = {
    "defaults": call(),
    "indexed": call(
        range_key={"name": "at", "type": "N"},
        indexes={
            "by-user": index(range_key={"name": "at", "type": "N"}),
            "by-blob": {
                "hash_key": {"name": "blob", "type": "B"},
                "projection": "INCLUDE",
                "non_key_attributes": ["size"],
                "on_demand": {"max_read_units": 50},
            },
        },
        local_indexes={"by-kind": {"range_key": {"name": "kind"}, "projection": "KEYS_ONLY"}},
        alarms={"topic_arns": [TOPIC]},
    ),
    "provisioned": call(
        billing={"provisioned": LIMITS},
        indexes={
            "like-table": index(),
            "own": index("email", provisioned={**LIMITS, "read": {"min": 5, "max": 5}}),
        },
    ),
    "limited": call(billing={"on_demand": {"max_write_units": 100}}, table_class="STANDARD"),
    "custom": call(
        ttl={"attribute_name": "gone_at", "enabled": False},
        point_in_time_recovery={"recovery_days": 7},
        kms_key_arn=KEY,
        deletion_protection=False,
        stream_view_type="OLD_IMAGE",
        table_class="STANDARD_INFREQUENT_ACCESS",
        tags={"team": "web"},
        alarms={"enabled": False},
    ),
    "no_backup": call(point_in_time_recovery={"enabled": False}),
    "number_expires": call(hash_key={"name": "expires_at", "type": "N"}),
    "odd_name": call(name="_" + "x" * 254),
}


@pytest.fixture(scope="module")
def planned() -> Mapping[str, PlannedModule]:
    """Every accepted call, from one plan."""
    return plan_variants(MODULE, ACCEPTED)


def indexes(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the global indexes by name."""
    return {entry["name"]: entry for entry in table["global_secondary_index"]}


def test_ttl_table_defaults_are_safe(planned: Mapping[str, PlannedModule]) -> None:
    """By default a table is protected, backed up for 35 days, encrypted, on demand, with TTL on."""
    table = planned["defaults"].resource(TABLE)

    assert table["deletion_protection_enabled"] is True
    assert table["point_in_time_recovery"] == [{"enabled": True, "recovery_period_in_days": 35}]
    assert table["server_side_encryption"] == [{"enabled": True}]
    assert table["ttl"] == [{"attribute_name": "expires_at", "enabled": True}]
    assert table["billing_mode"] == "PAY_PER_REQUEST"
    assert table["stream_enabled"] is False
    assert table["attribute"] == [{"name": "id", "type": "S"}]
    assert not planned["defaults"].of_type("aws_appautoscaling_target")


def test_ttl_table_output_is_the_object_that_other_modules_take(
    planned: Mapping[str, PlannedModule],
) -> None:
    """The output names the keys and the TTL attribute; the ARNs are known after the apply."""
    assert planned["indexed"].outputs["table"] == {
        "name": "sessions",
        "hash_key": "id",
        "range_key": "at",
        "ttl_attribute": "expires_at",
        "kms_key_arn": None,
        "stream_arn": None,
        "stream_view_type": None,
    }
    assert planned["custom"].outputs["table"] == {
        "name": "sessions",
        "hash_key": "id",
        "range_key": None,
        "ttl_attribute": "gone_at",
        "stream_view_type": "OLD_IMAGE",
        "kms_key_arn": KEY,
    }


def test_ttl_table_ttl_switched_off_keeps_its_name(planned: Mapping[str, PlannedModule]) -> None:
    """
    Switching TTL off flips the flag, and the output still names the attribute.

    The provider leaves the name of a disabled TTL out of a new table's plan.
    """
    (ttl,) = planned["custom"].resource(TABLE)["ttl"]

    assert ttl["enabled"] is False
    assert planned["custom"].outputs["table"]["ttl_attribute"] == "gone_at"


def test_ttl_table_settings_reach_the_table(planned: Mapping[str, PlannedModule]) -> None:
    """What a caller sets is what is planned."""
    table = planned["custom"].resource(TABLE)

    assert table["point_in_time_recovery"][0]["recovery_period_in_days"] == 7
    assert table["server_side_encryption"] == [{"enabled": True, "kms_key_arn": KEY}]
    assert table["deletion_protection_enabled"] is False
    assert (table["stream_enabled"], table["stream_view_type"]) == (True, "OLD_IMAGE")
    assert table["table_class"] == "STANDARD_INFREQUENT_ACCESS"
    assert table["tags"] == {"team": "web"}
    assert planned["no_backup"].resource(TABLE)["point_in_time_recovery"][0]["enabled"] is False
    assert planned["limited"].resource(TABLE)["on_demand_throughput"] == [
        {"max_write_request_units": 100}
    ]


def test_ttl_table_indexes_declare_each_attribute_once(
    planned: Mapping[str, PlannedModule],
) -> None:
    """An attribute that is a key several times is declared once, with its type."""
    table = planned["indexed"].resource(TABLE)

    declared = {(entry["name"], entry["type"]) for entry in table["attribute"]}
    assert declared == {("id", "S"), ("at", "N"), ("user_id", "S"), ("blob", "B"), ("kind", "S")}
    assert len(table["attribute"]) == len(declared)
    assert indexes(table)["by-user"]["range_key"] == "at"
    assert indexes(table)["by-blob"]["non_key_attributes"] == ["size"]
    assert indexes(table)["by-blob"]["on_demand_throughput"][0]["max_read_request_units"] == 50
    assert [entry["name"] for entry in table["local_secondary_index"]] == ["by-kind"]


def test_ttl_table_provisioned_scales_table_and_indexes(
    planned: Mapping[str, PlannedModule],
) -> None:
    """Table and indexes start at their minimum; each has a target and a policy both ways."""
    table = planned["provisioned"].resource(TABLE)
    targets = planned["provisioned"].of_type("aws_appautoscaling_target")
    policies = planned["provisioned"].of_type("aws_appautoscaling_policy")

    limits = {
        (target["resource_id"], target["scalable_dimension"]): (
            target["min_capacity"],
            target["max_capacity"],
        )
        for target in targets.values()
    }
    assert limits == {
        ("table/sessions", "dynamodb:table:ReadCapacityUnits"): (2, 20),
        ("table/sessions", "dynamodb:table:WriteCapacityUnits"): (1, 10),
        ("table/sessions/index/like-table", "dynamodb:index:ReadCapacityUnits"): (2, 20),
        ("table/sessions/index/like-table", "dynamodb:index:WriteCapacityUnits"): (1, 10),
        ("table/sessions/index/own", "dynamodb:index:ReadCapacityUnits"): (5, 5),
        ("table/sessions/index/own", "dynamodb:index:WriteCapacityUnits"): (1, 10),
    }
    assert len(policies) == len(targets)
    assert (table["read_capacity"], table["write_capacity"]) == (2, 1)
    assert indexes(table)["own"]["read_capacity"] == 5
    assert indexes(table)["like-table"]["write_capacity"] == 1


def test_ttl_table_index_that_was_scaled_keeps_its_capacity() -> None:
    """What auto scaling has set on an index is no difference in the next plan."""
    throughput = {"ReadCapacityUnits": 17, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0}
    found = {
        "TableName": "sessions",
        "TableArn": f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/sessions",
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "ProvisionedThroughput": throughput,
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "like-table",
                "IndexStatus": "ACTIVE",
                "KeySchema": [{"AttributeName": "user_id", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": throughput,
            }
        ],
    }

    planned = plan_variants(
        MODULE, {"provisioned": ACCEPTED["provisioned"]}, tables={"sessions": found}
    )

    kept = indexes(planned["provisioned"].resource(TABLE))
    assert kept["like-table"]["read_capacity"] == 17
    assert kept["like-table"]["write_capacity"] == 1  # 0: it was on demand until now
    assert kept["own"]["read_capacity"] == 5


def test_ttl_table_alarms_watch_table_and_each_index(
    planned: Mapping[str, PlannedModule],
) -> None:
    """Throttles have an alarm each way for the table and for each index, and tell the topic."""
    alarms = planned["indexed"].of_type("aws_cloudwatch_metric_alarm").values()

    watched = {
        (alarm["metric_name"], alarm["dimensions"].get("GlobalSecondaryIndexName"))
        for alarm in alarms
        if alarm["metric_name"]
    }
    assert watched == {
        (f"{direction}ThrottleEvents", owner)
        for direction in ("Read", "Write")
        for owner in (None, "by-user", "by-blob")
    }
    assert all(
        alarm["dimensions"]["TableName"] == "sessions" for alarm in alarms if alarm["dimensions"]
    )
    assert all(alarm["alarm_actions"] == [TOPIC] for alarm in alarms)
    assert planned["indexed"].warnings == ()


def test_ttl_table_system_errors_are_summed_over_operations(
    planned: Mapping[str, PlannedModule],
) -> None:
    """SystemErrors exists per operation only: a sum of at most ten, a missing one counting 0."""
    alarms = planned["defaults"].of_type("aws_cloudwatch_metric_alarm").values()

    (queries,) = [alarm["metric_query"] for alarm in alarms if alarm["metric_query"]]
    metrics = {query["id"]: query["metric"][0] for query in queries if query["metric"]}
    (total,) = [query for query in queries if query["expression"]]
    assert len(metrics) == 10
    assert {frozenset(metric["dimensions"]) for metric in metrics.values()} == {
        frozenset({"TableName", "Operation"})
    }
    assert total["return_data"] is True
    assert total["expression"].split(" + ") == [f"FILL({name}, 0)" for name in sorted(metrics)]


def test_ttl_table_alarms_nobody_hears_are_warned_about(
    planned: Mapping[str, PlannedModule],
) -> None:
    """Alarms without a topic are a warning; switched off they are neither made nor missed."""
    assert any("topic" in warning for warning in planned["defaults"].warnings)
    assert planned["custom"].warnings == ()
    assert not planned["custom"].of_type("aws_cloudwatch_metric_alarm")
    assert planned["custom"].outputs["alarm_arns"] == {}


def test_ttl_table_alarm_names_stay_within_255_characters(
    planned: Mapping[str, PlannedModule],
) -> None:
    """A table's name of 255 characters, in any form, still gives valid names of alarms."""
    alarms = planned["odd_name"].of_type("aws_cloudwatch_metric_alarm").values()

    names = [alarm["alarm_name"] for alarm in alarms]
    assert len(set(names)) == len(names) == 3
    assert all(len(name) <= 255 for name in names)
