"""What the module `ttl-table` refuses, each mistake with its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.answers import ACCOUNT
from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals
from tests.modules.ttl_table_calls import LIMITS, MODULE, call, index

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSED: dict[str, tuple[Arguments, str]] = {
    "name_short": (call(name="ab"), "name must hold 3 to 255"),
    "name_signs": (call(name="my sessions"), "name must hold 3 to 255"),
    "no_hash_key": ({"name": "sessions"}, '"hash_key" is required'),
    "hash_key_empty": (call(hash_key={"name": ""}), "hash_key.name must hold"),
    "hash_key_type": (call(hash_key={"name": "id", "type": "SS"}), "hash_key.type must be S"),
    "range_key_type": (call(range_key={"name": "at", "type": "M"}), "range_key.type must be S"),
    "range_key_empty": (call(range_key={"name": ""}), "range_key.name must hold"),
    "keys_same": (call(range_key={"name": "id"}), "must be two attributes"),
    "ttl_empty": (
        call(ttl={"attribute_name": "", "enabled": False}),
        "also while ttl.enabled = false",
    ),
    "ttl_is_text_key": (call(hash_key={"name": "expires_at"}), "such a row never expires"),
    "ttl_is_text_index_key": (
        call(indexes={"by-end": index("expires_at")}),
        "such a row never expires",
    ),
    "ttl_is_text_local_key": (
        call(
            range_key={"name": "at"},
            local_indexes={"by-end": {"range_key": {"name": "expires_at"}}},
        ),
        "such a row never expires",
    ),
    "indexes_too_many": (
        call(indexes={f"index-{number}": index() for number in range(21)}),
        "at most 20 global",
    ),
    "index_name": (call(indexes={"a b": index()}), "An index's name must hold"),
    "index_type": (
        call(indexes={"by-user": {"hash_key": {"name": "user_id", "type": "L"}}}),
        "The type of an index's key",
    ),
    "index_range_type": (
        call(indexes={"by-user": index(range_key={"name": "at", "type": "BOOL"})}),
        "The type of an index's key",
    ),
    "index_keys_same": (
        call(indexes={"by-user": index(range_key={"name": "user_id"})}),
        "An index's range_key and hash_key must be two attributes",
    ),
    "index_projection": (
        call(indexes={"by-user": index(projection="SOME")}),
        "An index's projection must be",
    ),
    "index_include_nothing": (
        call(indexes={"by-user": index(projection="INCLUDE")}),
        "non_key_attributes go with INCLUDE",
    ),
    "index_all_and_more": (
        call(indexes={"by-user": index(non_key_attributes=["size"])}),
        "non_key_attributes go with INCLUDE",
    ),
    "non_key_attributes_too_many": (
        call(
            indexes={
                name: index(
                    projection="INCLUDE", non_key_attributes=[f"{name}{n}" for n in range(51)]
                )
                for name in ("first", "second")
            }
        ),
        "at most 100 non_key_attributes",
    ),
    "attribute_two_types": (
        call(indexes={"by-user": {"hash_key": {"name": "id", "type": "N"}}}),
        "a key with two types",
    ),
    "index_provisioned_alone": (
        call(indexes={"by-user": index(provisioned=LIMITS)}),
        "set billing.provisioned too",
    ),
    "index_min_above_max": (
        call(
            billing={"provisioned": LIMITS},
            indexes={"by-user": index(provisioned={**LIMITS, "read": {"min": 9, "max": 3}})},
        ),
        "An index's provisioned.read and provisioned.write need",
    ),
    "index_on_demand_limit": (
        call(indexes={"by-user": index(on_demand={"max_read_units": 0})}),
        "An index's on_demand limits",
    ),
    "index_on_demand_on_provisioned": (
        call(
            billing={"provisioned": LIMITS},
            indexes={"by-user": index(on_demand={"max_read_units": 5})},
        ),
        "An index's on_demand limits",
    ),
    "local_without_range_key": (
        call(local_indexes={"by-kind": {"range_key": {"name": "kind"}}}),
        "Local indexes need a table with a range_key",
    ),
    "local_too_many": (
        call(
            range_key={"name": "at"},
            local_indexes={f"local-{n}": {"range_key": {"name": "kind"}} for n in range(6)},
        ),
        "at most 5 local",
    ),
    "local_name_taken": (
        call(
            range_key={"name": "at"},
            indexes={"by-kind": index()},
            local_indexes={"by-kind": {"range_key": {"name": "kind"}}},
        ),
        "be no name in indexes",
    ),
    "local_type": (
        call(
            range_key={"name": "at"},
            local_indexes={"by-kind": {"range_key": {"name": "kind", "type": "X"}}},
        ),
        "The type of a local index's range_key",
    ),
    "local_same_key": (
        call(range_key={"name": "at"}, local_indexes={"by-id": {"range_key": {"name": "id"}}}),
        "another attribute than the table's hash_key",
    ),
    "local_projection": (
        call(
            range_key={"name": "at"},
            local_indexes={"by-kind": {"range_key": {"name": "kind"}, "projection": "INCLUDE"}},
        ),
        "A local index's projection",
    ),
    "billing_both": (
        call(billing={"provisioned": LIMITS, "on_demand": {"max_read_units": 5}}),
        "leave out the limits of the other",
    ),
    "billing_on_demand_zero": (
        call(billing={"on_demand": {"max_write_units": 0}}),
        "billing.on_demand limits must be whole numbers",
    ),
    "billing_min_above_max": (
        call(billing={"provisioned": {**LIMITS, "write": {"min": 5, "max": 4}}}),
        "need whole numbers with 1 <= min <= max",
    ),
    "billing_min_zero": (
        call(billing={"provisioned": {**LIMITS, "read": {"min": 0, "max": 4}}}),
        "need whole numbers with 1 <= min <= max",
    ),
    "billing_target": (
        call(
            billing={"provisioned": {**LIMITS, "read": {"min": 1, "max": 4, "target_percent": 95}}}
        ),
        "target_percent must be 20 to 90",
    ),
    "recovery_days_zero": (
        call(point_in_time_recovery={"recovery_days": 0}),
        "whole number from 1 to 35",
    ),
    "recovery_days_many": (
        call(point_in_time_recovery={"recovery_days": 36}),
        "whole number from 1 to 35",
    ),
    "kms_alias": (
        call(kms_key_arn=f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/mine"),
        "kms_key_arn must be the ARN of a key",
    ),
    "stream": (call(stream_view_type="ALL"), "stream_view_type must be"),
    "table_class": (call(table_class="GLACIER"), "table_class must be"),
    "alarms_threshold": (
        call(alarms={"throttled_events": 0}),
        "to have no alarms set alarms.enabled = false",
    ),
    "alarms_operations_many": (
        call(alarms={"operations": [f"Get{letter}" for letter in "ABCDEFGHIJK"]}),
        "must name 1 to 10 operations",
    ),
    "alarms_operation_name": (call(alarms={"operations": ["get item"]}), "DynamoDB's own names"),
}


@pytest.fixture(scope="module")
def refused() -> Mapping[str, str]:
    """Why each refused call is refused."""
    return refusals(MODULE, {name: arguments for name, (arguments, _) in REFUSED.items()})


@pytest.mark.parametrize("name", REFUSED)
def test_ttl_table_bad_argument_is_refused(name: str, refused: Mapping[str, str]) -> None:
    """A bad argument fails the plan, with a message that says what to do."""
    assert REFUSED[name][1] in refused[name]


def test_ttl_table_every_refusal_is_tried(refused: Mapping[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages(MODULE) if message not in met] == []
