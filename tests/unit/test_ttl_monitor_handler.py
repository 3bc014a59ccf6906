"""
The monitor's handler, as a whole: the result's shape, the metrics, the export, bad input.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from expiry.errors import (
    DeniedError,
)
from tests.unit.monitor_runs import Bucket, Context, ago, mixed_rows, run
from tests.unit.stored_table import StoredTable, refusal, session

METRICS = json.loads(Path("lambda_src/ttl_monitor/metrics.json").read_text(encoding="utf-8"))


def test_result_has_the_promised_shape() -> None:
    """The keys and values that consumers of the report rely on."""
    body = run(StoredTable(mixed_rows())).body
    summary = body["summary"]
    at = datetime.fromisoformat(summary.pop("scan_timestamp"))

    assert body["message"] == "Cleanup monitoring completed successfully"
    assert summary == {"table_name": "sessions-dev", "table_item_count": 9, "expired_count": 3}
    assert at.utcoffset() == timedelta(0)
    assert body["expired_stats"] == {
        "expired_count": 3,
        "oldest_expired_ago_hours": 2.5,
        "newest_expired_ago_hours": 0.5,
        "sample_expired_items": body["expired_stats"]["sample_expired_items"],
    }
    assert body["table_metrics"] == {
        "item_count": 9,
        "table_size_bytes": 3_600,
        "table_status": "ACTIVE",
    }
    assert "six hours old" in body["table_metrics_note"]


def test_result_status_code_is_200() -> None:
    """A run that could do its work answers 200; any other raises."""
    ran = run(StoredTable([]))

    assert ran.error is None
    assert ran.body["summary"]["expired_count"] == 0


def test_result_nothing_expired_has_null_ages_and_no_sample() -> None:
    """An empty table is a good table."""
    stats = run(StoredTable([])).body["expired_stats"]

    assert stats == {
        "expired_count": 0,
        "oldest_expired_ago_hours": None,
        "newest_expired_ago_hours": None,
        "sample_expired_items": [],
    }


def test_sample_is_the_ten_oldest_with_their_keys() -> None:
    """The rows to look at first come first, named so that they can be found."""
    rows = [session("u", n, ago(n)) for n in range(1, 41)]
    sample = run(StoredTable(rows, page_bytes=2_000)).body["expired_stats"]["sample_expired_items"]

    assert [item["thread_id"] for item in sample] == [f"u#{n}" for n in range(40, 30, -1)]
    assert set(sample[0]) == {"thread_id", "checkpoint_id", "expires_at", "expired_ago_hours"}
    assert sample[0]["expired_ago_hours"] == 40.0
    assert isinstance(sample[0]["expires_at"], int)


def test_sample_of_equally_old_rows_needs_no_order_among_rows() -> None:
    """Ties are settled by the keys: the same table gives the same sample."""
    value = ago(3)
    rows = [session("u", n, value) for n in range(50)]
    samples = [
        run(StoredTable(rows, page_bytes=2_000), context=Context(aws_request_id=run_id)).body[
            "expired_stats"
        ]["sample_expired_items"]
        for run_id in ("run-1", "run-2")
    ]

    assert len(samples[0]) == 10
    assert samples[0] == samples[1]


def test_sample_of_a_row_that_is_seen_twice_is_no_error() -> None:
    """A scan may meet a row again that was written meanwhile: rows need no order of their own."""
    second = ago(3)["N"]
    rows = [session("u", 1, {"N": f"{second}.{n:02}"}) for n in range(20)]
    sample = run(StoredTable(rows)).body["expired_stats"]["sample_expired_items"]

    assert [item["thread_id"] for item in sample] == ["u#1"] * 10


def test_late_and_never_are_counted_apart_with_samples() -> None:
    """Rows that TTL ignores are not late, and each class says which rows."""
    body = run(StoredTable(mixed_rows())).body
    never, scan = body["never_expire"], body["scan"]
    samples = never.pop("samples")

    assert never == {"missing": 1, "wrong_type": 1, "too_old": 1, "milliseconds": 1}
    assert scan["seen"] == never | {"live": 2, "expired": 3}
    assert sum(scan["seen"].values()) == scan["rows"] == len(mixed_rows())
    assert samples["missing"] == [{"thread_id": "eve#6", "checkpoint_id": "latest"}]
    assert samples["wrong_type"][0]["expires_at_type"] == "S"
    assert samples["milliseconds"][0]["expires_at"] == 1_700_000_000_000


def test_contents_of_rows_are_nowhere() -> None:
    """Keys and expiries are all that is read, and all that is written."""
    bucket = Bucket()
    ran = run(StoredTable(mixed_rows()), {"EXPORT_BUCKET": "reports"}, bucket=bucket)

    assert "never be read" not in json.dumps([ran.body, ran.lines])
    assert b"never be read" not in bucket.puts[0]["Body"]
    assert "soon" not in json.dumps([ran.body, ran.lines])


def test_users_with_most_expired_rows_come_first() -> None:
    """Ten users at most, each with the part of the key before the first separator."""
    rows = [session(f"user{u:02}", n, ago(1)) for u in range(15) for n in range(u)]
    top = run(StoredTable(rows)).body["top_users"]

    assert top["users"][0] == {"user": "user14", "expired_count": 14}
    assert len(top["users"]) == 10
    assert (top["count_error"], top["without_separator"]) == (0, 0)


def test_metrics_are_those_of_the_table_and_end_with_runs_completed() -> None:
    """Every metric that an alarm may read is emitted by each run, silence's own last."""
    ran = run(StoredTable(mixed_rows()))

    assert list(ran.metrics) == list(METRICS["metrics"])
    assert ran.lines[-1]["RunsCompleted"] == [1.0]
    assert ran.metrics["ExpiredCount"] == 3
    assert ran.metrics["OldestExpiredAgeHours"] == 2.5
    assert ran.metrics["NeverExpireMilliseconds"] == 1
    assert ran.metrics["TableShareSeenPercent"] == 100
    assert (ran.metrics["TTLMisconfigured"], ran.metrics["RunIncomplete"]) == (0, 0)


def test_metrics_have_the_dimensions_that_the_table_says() -> None:
    """An alarm on another set of dimensions would never fire."""
    for line in run(StoredTable([]), {"METRICS_NAMESPACE": "Mine"}).lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Dimensions"] == [METRICS["dimensions"]]
            assert directive["Namespace"] == "Mine"
            assert line["TableName"] == "sessions-dev"


def test_metrics_age_is_zero_when_nothing_is_expired() -> None:
    """An alarm on the age recovers once TTL has caught up."""
    assert run(StoredTable([])).metrics["OldestExpiredAgeHours"] == 0


@pytest.mark.parametrize(
    ("ttl", "misconfigured", "text"),
    [
        (("ENABLED", "expires_at"), 0, None),
        (("ENABLING", "expires_at"), 0, None),
        (("DISABLED", None), 1, "enable it on expires_at"),
        (("DISABLING", "expires_at"), 1, "enable it on expires_at"),
        (("ENABLED", "ttl"), 1, "set TTL_ATTRIBUTE to ttl"),
    ],
)
def test_ttl_that_does_not_work_as_configured_is_reported(
    ttl: tuple[str, str | None], misconfigured: int, text: str | None
) -> None:
    """Rows that pile up because TTL is off are not a matter of patience."""
    ran = run(StoredTable([], ttl=ttl))
    found = ran.body["ttl"]

    assert found["misconfigured"] is bool(misconfigured)
    assert ran.metrics["TTLMisconfigured"] == misconfigured
    assert found["reason"] is None if text is None else text in found["reason"]


def test_report_is_one_log_line_with_values_as_keys() -> None:
    """A saved query reads the runs without parsing messages."""
    lines = [line for line in run(StoredTable(mixed_rows())).lines if "message" in line]

    assert [line["message"] for line in lines] == ["report"]
    assert lines[0]["correlation_id"] == "run-1"
    assert (lines[0]["expired_count"], lines[0]["never_expire_too_old"]) == (3, 1)


def test_export_is_one_line_under_hive_partitions() -> None:
    """Athena finds table and day in the key, and one record a line."""
    bucket = Bucket()
    body = run(
        StoredTable(mixed_rows()),
        {"EXPORT_BUCKET": "reports", "EXPORT_PREFIX": "/a/b"},
        bucket=bucket,
    ).body
    (put,) = bucket.puts
    day = body["summary"]["scan_timestamp"][:10]
    record = json.loads(put["Body"])

    assert put["Key"] == f"a/b/table=sessions-dev/dt={day}/run-1.jsonl"
    assert body["export"]["uri"] == f"s3://reports/{put['Key']}"
    assert put["ExpectedBucketOwner"] == "111122223333"
    assert put["Body"].count(b"\n") == 1
    assert not {"table", "dt"} & set(record)  # a partition must not be a column as well
    assert (record["expired_count"], record["table_name"]) == (3, "sessions-dev")


def test_export_that_fails_leaves_metrics_but_no_completed_run() -> None:
    """The numbers are out, the alarm on silence still sees that the run did not end well."""
    bucket = Bucket(refusal=refusal("AccessDenied"))
    ran = run(StoredTable(mixed_rows()), {"EXPORT_BUCKET": "reports"}, bucket=bucket)

    assert isinstance(ran.error, DeniedError)
    assert "allow s3:PutObject" in str(ran.error)
    assert ran.metrics["ExpiredCount"] == 3
    assert "RunsCompleted" not in ran.metrics


def test_run_out_of_time_is_no_error_and_says_what_it_saw() -> None:
    """A large table is reported in part, in time, with the share that was seen."""
    table = StoredTable([session("u", n, ago(1)) for n in range(1_000)], page_bytes=8_000)
    left = iter([*range(10_000, 2_000, -200), *[2_000] * 10_000])
    ran = run(table, context=Context(remaining_ms=lambda: next(left)))
    found = ran.body["scan"]

    assert ran.error is None
    assert (found["complete"], found["stopped"]) == (False, "time")
    assert 0 < found["rows"] < 1_000
    assert found["share_seen_percent"] == pytest.approx(found["rows"] / 10, abs=8)
    assert ran.body["summary"]["expired_count"] == found["rows"]
    assert (ran.metrics["RunIncomplete"], ran.metrics["RunsCompleted"]) == (1, 1)


def test_runs_visit_segments_in_another_order_each() -> None:
    """No part of a table that is too large for one run is always the last."""
    orders = []
    for run_id in ("run-1", "run-2"):
        table = StoredTable([session("u", n) for n in range(100)])
        table.described["TableSizeBytes"] = 2**30
        run(table, {"SCAN_SEGMENTS": "1"}, context=Context(aws_request_id=run_id))
        orders.append([request["Segment"] for request in table.scans()])

    assert sorted(orders[0]) == sorted(orders[1]) == list(range(32))
    assert orders[0] != orders[1]


def test_calls_are_pages_and_a_constant() -> None:
    """What a run costs is what it reads, and two looks at the table."""
    table = StoredTable([session("u", n) for n in range(2_000)], page_bytes=40_000)
    body = run(table).body

    assert len(table.calls) == body["scan"]["pages"] + 2
    assert {action for action, _ in table.calls} == {
        "describe_table",
        "describe_time_to_live",
        "scan",
    }


def test_sampled_run_says_that_it_is_an_estimate() -> None:
    """Nobody takes a guess for a count."""
    table = StoredTable([session("u", n, ago(1)) for n in range(3_000)])
    ran = run(table, {"SAMPLE_PERCENT": "10"})
    found, scan = ran.body["estimate"], ran.body["scan"]

    assert (found["is_estimate"], found["confidence_percent"]) == (True, 95)
    assert found["expired_count"]["low"] <= 3_000 <= found["expired_count"]["high"]
    assert ran.metrics["ExpiredCount"] == found["expired_count"]["value"]
    assert (scan["segments"], scan["segments_scanned"]) == (300, 30)
    assert {request["TotalSegments"] for request in table.scans()} == {300}
    assert scan["seen"]["expired"] < 1_000


def test_sampled_run_that_stops_early_claims_no_interval() -> None:
    """With fewer than thirty segments no interval would be true."""
    table = StoredTable([session("u", n, ago(1)) for n in range(3_000)])
    left = iter([*range(5_000, 2_000, -200), *[1_000] * 10_000])
    ran = run(table, {"SAMPLE_PERCENT": "10"}, context=Context(remaining_ms=lambda: next(left)))

    assert ran.body["estimate"] is None
    assert ran.body["scan"]["complete"] is False
    assert ran.body["summary"]["expired_count"] == ran.body["scan"]["seen"]["expired"]


def test_page_holds_no_more_rows_than_memory_allows() -> None:
    """Small rows make pages of ten thousand and more: threads share what memory there is."""
    for threads, rows in (("1", 12_000), ("4", 3_000), ("64", 1_000)):
        table = StoredTable([session("u", n) for n in range(50)])
        run(table, {"SCAN_SEGMENTS": threads})

        assert {request["Limit"] for request in table.scans()} == {rows}


def test_read_rate_bounds_pages_to_a_second_of_it() -> None:
    """A slow monitor is slow from its first page on."""
    table = StoredTable([session("u", n) for n in range(50)])
    run(table, {"MAX_READ_UNITS_PER_SECOND": "100", "SCAN_SEGMENTS": "1"})

    assert {request["Limit"] for request in table.scans()} == {100 * 8_192 // 400}
