"""What the module `upload-cleanup` promises: it deletes what was abandoned, and cannot do more."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest

from expiry.keys import KeyPattern
from expiry.moment import Moment
from tests.modules.plan import PlannedModule, plan_variants
from tests.modules.upload_cleanup_calls import (
    ACCEPTED,
    AUDIT,
    AUDIT_KEY,
    BOUNDARY,
    BUCKET,
    KEY,
    NAMES,
    PATTERN,
    PLAIN,
    ROLE,
    STREAM,
    TABLE,
    TABLE_KEY,
)
from tools.terraform import ROOT
from upload_cleanup.audit import Action
from upload_cleanup.report import Findings, result
from upload_cleanup.settings import Attributes, AuditTarget, Settings

DECLARED = json.loads((ROOT / "lambda_src" / "upload_cleanup" / "metrics.json").read_text())
OBJECTS = "arn:aws:s3:::uploads/uploads/*"
UNDER_PREFIX = {"StringLike": {"s3:prefix": ["uploads/*"]}}
LEAST: dict[str, tuple[list[str], str, dict[str, Any] | None]] = {
    "ReadSessions": (
        ["dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:Scan"],
        TABLE["arn"],
        None,
    ),
    "ClaimAndDeleteSessions": (
        ["dynamodb:PartiQLDelete", "dynamodb:PartiQLUpdate"],
        TABLE["arn"],
        None,
    ),
    "ListUploads": (["s3:ListBucket"], str(BUCKET["arn"]), UNDER_PREFIX),
    "ListMultipartUploads": (["s3:ListBucketMultipartUploads"], str(BUCKET["arn"]), None),
    "AbortMultipartUploads": (
        ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        OBJECTS,
        None,
    ),
    "CompareObjects": (["s3:GetObject"], OBJECTS, None),
    "DeleteWhatWasSeen": (["s3:DeleteObject"], OBJECTS, {"Null": {"s3:if-match": ["false"]}}),
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("upload-cleanup", ACCEPTED)


def function_of(module: PlannedModule) -> dict[str, Any]:
    """Return the planned function."""
    return module.resource("module.function.aws_lambda_function.this")


def variables_of(module: PlannedModule) -> dict[str, str]:
    """Return the function's environment."""
    variables: dict[str, str] = function_of(module)["environment"][0]["variables"]
    return variables


def alarms_of(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return every planned alarm by its key."""
    return {
        re.findall(r'\["(.+)"\]$', address)[0]: alarm
        for address, alarm in module.of_type("aws_cloudwatch_metric_alarm").items()
    }


def grants_of(
    module: PlannedModule, policy: str = "module.function.aws_iam_role_policy.this"
) -> dict[str, tuple[list[str], str, dict[str, Any] | None]]:
    """Return what the handler may call, by Sid: actions, resource, condition."""
    written = json.loads(module.resource(policy)["policy"])["Statement"]
    return {
        entry["Sid"]: (entry["Action"], *entry["Resource"], entry.get("Condition"))
        for entry in written
        if not entry["Sid"].startswith("Lambda")
    }


def test_upload_cleanup_defaults_are_the_documented_ones(
    planned: dict[str, PlannedModule],
) -> None:
    """By default: the committed zip, hourly, 300 s and 256 MB, a real run within the caps."""
    function = function_of(planned["plain"])
    schedule = planned["plain"].resource("module.schedule.aws_scheduler_schedule.this")
    variables = dict(function["environment"][0]["variables"])

    zipped = (ROOT / "artifacts" / "upload_cleanup.zip").read_bytes()
    assert function["filename"].endswith("artifacts/upload_cleanup.zip")
    assert hashlib.sha256(zipped).hexdigest() in (ROOT / "artifacts" / "SHA256SUMS").read_text()
    assert function["handler"] == "upload_cleanup.handler.handler"
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert (function["memory_size"], function["timeout"]) == (256, 300)
    assert schedule["schedule_expression"] == "rate(1 hour)"
    assert schedule["target"][0]["input"] == "{}"
    assert json.loads(variables.pop("ATTRIBUTES")) == {name: name for name in NAMES}
    assert variables == {
        "TABLE_NAME": "sessions",
        "BUCKET": "uploads",
        "BUCKET_VERSIONED": "true",
        "UPLOAD_PREFIX": "uploads/",
        "KEY_PATTERN": PATTERN,
        "CLEANUP_AGE_HOURS": "24",
        "MAX_UPLOAD_HOURS": "24",
        "STUCK_HOURS": "1",
        "PARTIAL_REVIEW_HOURS": "168",
        "SETTLE_SECONDS": "900",
        "BATCH_SIZE": "100",
        "MAX_DELETES_PER_RUN": "10000",
        "MAX_ORPHAN_PERCENT": "20",
        "REQUESTS_PER_SECOND": "0",
        "THREADS": "8",
        "SCAN_SEGMENTS": "4",
        "DRY_RUN": "false",
        "RESTORE": "false",
        "REVIEW_EXPIRED_WITH_PARTS": "false",
        "SINGLE_WRITER_REGION": "false",
        "PRICE_PER_GB_MONTH": "0.023",
        "METRICS_NAMESPACE": "VideoUpload/Cleanup",
    }


def test_upload_cleanup_defaults_are_the_handlers_own(planned: dict[str, PlannedModule]) -> None:
    """With nothing but the table and the bucket set, the handler runs as this module sets it."""
    least = {"TABLE_NAME": "sessions", "BUCKET": "uploads", "BUCKET_VERSIONED": "true"}
    parsed = Settings.from_env(variables_of(planned["plain"]))

    assert parsed == replace(Settings.from_env(least), metrics_namespace=DECLARED["namespace"])


def test_upload_cleanup_everything_reaches_the_handler(planned: dict[str, PlannedModule]) -> None:
    """What the caller sets is what the handler reads."""
    settings = Settings.from_env(variables_of(planned["everything"]))

    assert settings == Settings(
        table="sessions",
        bucket="uploads",
        bucket_owner_account_id="444455556666",
        attributes=Attributes(*NAMES.values()),
        prefix="in/video/",
        key_pattern=KeyPattern(re.compile("^in/video/(?P<session_id>[^/]+)/[^/]+$")),
        orphan_s=48 * 3_600,
        stuck_s=2 * 3_600,
        partial_review_s=24 * 3_600,
        settle_s=600,
        max_upload_s=72 * 3_600,
        batch_size=50,
        dry_run=True,
        max_deletes=500,
        max_orphan_percent=5.0,
        requests_per_s=100.0,
        threads=4,
        scan_segments=2,
        protect_tag="keep",
        review_expired_with_parts=True,
        audit=AuditTarget("audit", "trail/"),
        two_sightings=False,
        versioned=True,
        restore=True,
        single_writer_region=True,
        price_per_gb_month=0.03,
        clock_skew_s=60,
        metrics_namespace="Mine/Cleanup",
    )


def test_upload_cleanup_everything_reaches_its_parts(planned: dict[str, PlannedModule]) -> None:
    """Size, keys, boundary and retention are those of the function, the logs and the roles."""
    module = planned["everything"]
    function = function_of(module)

    assert (function["memory_size"], function["architectures"]) == (512, ["x86_64"])
    assert function["kms_key_arn"] == KEY
    assert {role["permissions_boundary"] for role in module.of_type("aws_iam_role").values()} == {
        BOUNDARY
    }
    (group,) = module.of_type("aws_cloudwatch_log_group").values()
    assert (group["retention_in_days"], group["kms_key_id"]) == (7, KEY)
    assert module.resource("module.dead_letters.aws_sqs_queue.this")["kms_master_key_id"] == KEY


def test_upload_cleanup_audit_defaults_to_two_sightings(planned: dict[str, PlannedModule]) -> None:
    """With a bucket to remember in, an orphan must be seen twice unless the caller says no."""
    settings = Settings.from_env(variables_of(planned["audited"]))

    assert settings.audit == AuditTarget("audit", "upload-cleanup/")
    assert settings.two_sightings


def test_upload_cleanup_role_holds_the_least_by_default(planned: dict[str, PlannedModule]) -> None:
    """Exact actions, all on the prefix; an object goes only by its ETag; nothing else."""
    assert grants_of(planned["plain"]) == LEAST


def test_upload_cleanup_feature_adds_its_own_grant_and_no_other(
    planned: dict[str, PlannedModule],
) -> None:
    """Tags, versions and the audit bucket are reachable only where their feature is on."""

    def added(case: str) -> dict[str, list[str]]:
        grants = grants_of(planned[case])
        assert {sid: grants[sid] for sid in LEAST} == LEAST
        return {sid: actions for sid, (actions, *_) in grants.items() if sid not in LEAST}

    audit = {"ReadAndWriteAudit": ["s3:GetObject", "s3:PutObject"]}
    assert added("tagged") == {"ReadTags": ["s3:GetObjectTagging"]}
    assert added("audited") == audit
    assert added("restorable") == {
        **audit,
        "ListPlans": ["s3:ListBucket"],
        "ListVersions": ["s3:ListBucketVersions"],
        "RemoveDeleteMarkers": ["s3:DeleteObjectVersion"],
    }
    assert added("streaming") == {}


def test_upload_cleanup_scope_of_each_grant_follows_the_prefixes(
    planned: dict[str, PlannedModule],
) -> None:
    """Another prefix moves every grant; the audit trail is reachable under its own only."""
    grants = grants_of(planned["everything"])
    objects = "arn:aws:s3:::uploads/in/video/*"

    assert grants["DeleteWhatWasSeen"] == (
        ["s3:DeleteObject"],
        objects,
        {"Null": {"s3:if-match": ["false"]}},
    )
    assert {resource for sid, (_, resource, _) in grants.items() if sid in ON_OBJECTS} == {objects}
    assert grants["ListUploads"][2] == {"StringLike": {"s3:prefix": ["in/video/*"]}}
    assert grants["ListVersions"][2] == {"StringLike": {"s3:prefix": ["in/video/*"]}}
    assert grants["ReadAndWriteAudit"][1] == "arn:aws:s3:::audit/trail/*"
    assert grants["ListPlans"][2] == {"StringLike": {"s3:prefix": ["trail/plans/*"]}}
    assert grants["DecryptTable"][:2] == (["kms:Decrypt"], TABLE_KEY)
    assert grants["EncryptAudit"][:2] == (["kms:Decrypt", "kms:GenerateDataKey"], AUDIT_KEY)


ON_OBJECTS = {
    "AbortMultipartUploads",
    "CompareObjects",
    "DeleteWhatWasSeen",
    "ReadTags",
    "RemoveDeleteMarkers",
}


def test_upload_cleanup_stream_carries_removals_by_ttl_only(
    planned: dict[str, PlannedModule],
) -> None:
    """Only what TTL removed is delivered; a bad record is tried again, split off, and kept."""
    mapping = planned["streaming"].resource(MAPPING)
    (pattern,) = mapping["filter_criteria"][0]["filter"]

    assert json.loads(pattern["pattern"]) == {
        "eventName": ["REMOVE"],
        "userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]},
    }
    assert mapping["event_source_arn"] == STREAM["stream_arn"]
    assert mapping["maximum_retry_attempts"] == 3
    assert mapping["maximum_record_age_in_seconds"] == 6 * 3_600
    assert mapping["bisect_batch_on_function_error"] is True
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert MAPPING not in planned["plain"].resources


MAPPING = "aws_lambda_event_source_mapping.removed_by_ttl[0]"


def test_upload_cleanup_stream_failures_go_where_they_are_kept_longest(
    planned: dict[str, PlannedModule],
) -> None:
    """With an audit bucket the records themselves are kept; without, their positions in a queue."""

    def destination(case: str) -> str:
        mapping = planned[case].resource(MAPPING)
        arn: str = mapping["destination_config"][0]["on_failure"][0]["destination_arn"]
        return arn

    assert destination("both-images") == "arn:aws:s3:::audit"
    assert destination("streaming") == ("arn:aws:sqs:eu-west-1:111122223333:cleanup-dead-letters")
    assert planned["both-images"].outputs["stream_failure_location"] == "s3://audit/aws/lambda/"
    assert planned["plain"].outputs["stream_failure_location"] is None


def test_upload_cleanup_stream_grants_are_lambdas_own_and_listed(
    planned: dict[str, PlannedModule],
) -> None:
    """What Lambda does with the role for the stream is listed, each grant with its reason."""
    module = planned["everything"]
    stream = grants_of(module, "aws_iam_role_policy.stream[0]")

    assert {sid: (actions, resource) for sid, (actions, resource, _) in stream.items()} == {
        "ReadStream": (
            ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            STREAM["stream_arn"],
        ),
        "ListStreams": (["dynamodb:ListStreams"], f"{TABLE['arn']}/stream/*"),
        "StreamFailures": (["s3:PutObject"], "arn:aws:s3:::audit/aws/lambda/*"),
        "StreamFailureBucket": (["s3:ListBucket"], "arn:aws:s3:::audit"),
        "StreamFailureKey": (["kms:GenerateDataKey"], AUDIT_KEY),
    }
    listed = {grant["sid"]: grant["reason"] for grant in module.outputs["service_grants"]}
    assert stream.keys() <= listed.keys()
    assert all(listed.values())
    assert "aws_iam_role_policy.stream[0]" not in planned["plain"].resources


def test_upload_cleanup_alarms_watch_what_is_emitted(planned: dict[str, PlannedModule]) -> None:
    """Each alarm on a metric of ours names one that a run emits, with its dimensions and unit."""
    own = {
        key: alarm
        for key, alarm in alarms_of(planned["plain"]).items()
        if alarm["namespace"] == DECLARED["namespace"]
    }

    assert {key: alarm["metric_name"] for key, alarm in own.items()} == {
        "cleanup-errors": "CleanupErrors",
        "gate-refused": "GateRefused",
        "uploaded-with-ttl": "UploadedWithTTL",
        "uploaded-with-claim": "UploadedWithClaim",
        "living-without-object": "TripwireStopped",
        "incomplete": "RunIncomplete",
        "silence": "RunsCompleted",
    }
    for alarm in own.values():
        declared = DECLARED["metrics"][alarm["metric_name"]]
        assert alarm["dimensions"] == {"FunctionName": "cleanup"}
        assert list(alarm["dimensions"]) == DECLARED["dimensions"]
        assert alarm["unit"] in (None, declared["unit"])


def test_upload_cleanup_thresholds_are_the_documented_ones(
    planned: dict[str, PlannedModule],
) -> None:
    """More than 5 errors in an hour; a refused gate at once; 3 incomplete runs; 3 silent hours."""
    alarms = alarms_of(planned["plain"])

    errors = alarms["cleanup-errors"]
    assert (errors["threshold"], errors["comparison_operator"]) == (5, "GreaterThanThreshold")
    assert (errors["statistic"], errors["period"]) == ("Sum", 3_600)
    assert (alarms["gate-refused"]["threshold"], alarms["gate-refused"]["evaluation_periods"]) == (
        1,
        1,
    )
    assert alarms["incomplete"]["evaluation_periods"] == 3
    assert alarms["incomplete"]["statistic"] == "Minimum"
    assert alarms["error-rate"]["threshold"] == 5
    assert alarms["duration"]["threshold"] == 240_000
    assert alarms["silence"]["evaluation_periods"] == 3
    assert alarms["silence"]["metric_name"] == "RunsCompleted"
    assert alarms["silence"]["treat_missing_data"] == "breaching"


def test_upload_cleanup_alarm_window_fits_the_schedule(planned: dict[str, PlannedModule]) -> None:
    """A run each three days is looked for over seven days, and what it found stands until then."""
    hourly, rare = alarms_of(planned["plain"]), alarms_of(planned["weekly"])

    assert hourly["gate-refused"]["period"] == 3_600
    assert rare["gate-refused"]["period"] == 86_400
    assert rare["gate-refused"]["treat_missing_data"] == "ignore"
    assert (
        rare["incomplete"]["datapoints_to_alarm"],
        rare["incomplete"]["evaluation_periods"],
    ) == (2, 7)


def test_upload_cleanup_alarms_can_be_switched_off(planned: dict[str, PlannedModule]) -> None:
    """A threshold of 0 removes its alarm and no other; a paused schedule may be silent."""
    every = alarms_of(planned["plain"]).keys()

    assert alarms_of(planned["thresholds-off"]).keys() == every - {
        "cleanup-errors",
        "error-rate",
        "duration",
    }
    assert alarms_of(planned["paused"]).keys() == every - {"silence"}
    assert alarms_of(planned["silent"]) == {}


def test_upload_cleanup_queries_ask_for_what_is_logged(planned: dict[str, PlannedModule]) -> None:
    """Each field of the saved queries is a key of the line that they filter for."""
    queries = {
        key: planned["plain"].resource(f'aws_cloudwatch_query_definition.this["{key}"]')
        for key in ("reports", "actions")
    }
    asked = {
        key: set(re.findall(r"fields @timestamp, (.+)", query["query_string"])[0].split(", "))
        for key, query in queries.items()
    }

    settings = Settings.from_env({"TABLE_NAME": "sessions", "BUCKET": "uploads"})
    answer = result(Findings("run", settings, Moment.at(0, 0), dry_run=False))
    outcomes = {f"report.outcomes.{outcome}" for outcome in answer["outcomes"]}
    assert asked["reports"] <= {f"report.{key}" for key in answer} | outcomes
    assert asked["actions"] <= {"run_id"} | {each.name for each in fields(Action)}
    assert 'message = "report"' in queries["reports"]["query_string"]
    assert 'message = "action"' in queries["actions"]["query_string"]


def test_upload_cleanup_own_namespace_moves_metrics_and_alarms(
    planned: dict[str, PlannedModule],
) -> None:
    """Handler and alarms are told the same namespace."""
    module = planned["everything"]

    assert variables_of(module)["METRICS_NAMESPACE"] == "Mine/Cleanup"
    assert alarms_of(module)["gate-refused"]["namespace"] == "Mine/Cleanup"
    assert alarms_of(module)["silence"]["namespace"] == "Mine/Cleanup"


def test_upload_cleanup_nobody_to_tell_is_warned_of(planned: dict[str, PlannedModule]) -> None:
    """Alarms without a topic are allowed, and said aloud."""
    assert any("Nobody is told" in warning for warning in planned["plain"].warnings)
    assert not any("Nobody is told" in warning for warning in planned["everything"].warnings)


def test_upload_cleanup_long_names_stay_apart(planned: dict[str, PlannedModule]) -> None:
    """Names are shortened where AWS takes no more; the alarms follow the function's."""
    functions = [function_of(planned[case])["function_name"] for case in ("long", "longer")]
    dimensions = [
        alarms_of(planned[case])["gate-refused"]["dimensions"] for case in ("long", "longer")
    ]

    assert {len(name) for name in functions} == {64}
    assert len(set(functions)) == 2
    assert [{"FunctionName": name} for name in functions] == dimensions


def test_upload_cleanup_contract_names_the_applications_own_attributes(
    planned: dict[str, PlannedModule],
) -> None:
    """The condition is ready for DynamoDB, with the attributes as the caller calls them."""
    plain = planned["plain"].outputs["application_contract"]
    renamed = planned["everything"].outputs["application_contract"]

    assert plain["condition_expression"] == "attribute_exists(#session_id) AND #status <> :claimed"
    assert plain["expression_attribute_names"] == {
        "#session_id": "uploadSessionId",
        "#status": "status",
    }
    assert plain["expression_attribute_values"] == {":claimed": {"S": "expiring"}}
    assert "attribute_exists(uploadSessionId) AND status <> 'expiring'" in plain["text"]
    assert "attribute_exists(id) AND state <> 'expiring'" in renamed["text"]
    assert "expires_at" in renamed["text"]


def test_upload_cleanup_bucket_policy_refuses_blind_deletes_of_the_role(
    planned: dict[str, PlannedModule],
) -> None:
    """Whoever uses the role deletes by ETag or not at all; nobody else is touched."""
    written = json.loads(planned["plain"].outputs["bucket_policy_json"])
    in_path = json.loads(planned["path"].outputs["bucket_policy_json"])

    assert written["Statement"] == [
        {
            "Sid": "RefuseDeletesWithoutETag",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:DeleteObject"],
            "Resource": [OBJECTS],
            "Condition": {
                "Null": {"s3:if-match": ["true"]},
                "ArnEquals": {"aws:PrincipalArn": [ROLE]},
            },
        }
    ]
    assert in_path["Statement"][0]["Condition"]["ArnEquals"]["aws:PrincipalArn"] == [
        ROLE.replace("role/", "role/expiry/")
    ]


def test_upload_cleanup_policy_statements_are_taken_by_a_bucket(
    planned: dict[str, PlannedModule],
) -> None:
    """`lifecycle-bucket` takes them as they are, and writes the same policy."""
    bucket = {
        "name": "uploads",
        "minimum_retention_days": 1,
        "rules": {
            "old": {"scope": {"entire_bucket": True}, "noncurrent": {"expire_after_days": 7}}
        },
        "policy_statements": planned["plain"].outputs["bucket_policy_statements"],
    }
    made = plan_variants("lifecycle-bucket", {"uploads": bucket})["uploads"]
    policy = json.loads(made.resource("aws_s3_bucket_policy.this")["policy"])

    expected = json.loads(planned["plain"].outputs["bucket_policy_json"])["Statement"][0]
    (statement,) = [s for s in policy["Statement"] if s["Sid"] == expected["Sid"]]
    assert (statement["Effect"], statement["Condition"]) == (
        expected["Effect"],
        expected["Condition"],
    )
    assert statement["Action"] in (expected["Action"], *expected["Action"])
    assert statement["Resource"] in (expected["Resource"], *expected["Resource"])


def test_upload_cleanup_invoke_command_is_dry(planned: dict[str, PlannedModule]) -> None:
    """The command that an operator copies at night deletes nothing."""
    assert """--payload '{"dryRun": true}'""" in planned["plain"].outputs["invoke_command"]
    assert planned["plain"].outputs["restore_command"] is None
    assert '"operation": "restore"' in planned["restorable"].outputs["restore_command"]


def test_upload_cleanup_outputs_are_the_common_ones() -> None:
    """Every composition gives the same outputs, so that stacks read alike."""
    declared = re.findall(
        r'^output "(\w+)"', (ROOT / "modules/upload-cleanup/outputs.tf").read_text(), re.MULTILINE
    )

    assert set(declared) >= {
        "function_name",
        "function_arn",
        "role_name",
        "role_arn",
        "log_group_name",
        "dead_letter_queue_url",
        "dead_letter_queue_arn",
        "schedule_name",
        "alarm_arns",
        "dashboard_name",
        "invoke_command",
        "application_contract",
        "bucket_policy_json",
    }


def test_upload_cleanup_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's."""

    def chinese(arn: object) -> str:
        return str(arn).replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1")

    call = {
        **PLAIN,
        "table": {**TABLE, **STREAM, "arn": chinese(TABLE["arn"])}
        | {"stream_arn": chinese(STREAM["stream_arn"])},
        "bucket": {**BUCKET, "arn": chinese(BUCKET["arn"])},
        "audit": {"bucket": {"name": "audit", "arn": chinese(AUDIT["bucket"]["arn"])}},
        "stream_cleanup": True,
        "restore": True,
    }
    module = plan_variants("upload-cleanup", {"cn": call}, region="cn-north-1")["cn"]

    written = json.dumps([module.resources, module.outputs])
    assert "arn:aws-cn:" in written
    assert "arn:aws:" not in written
