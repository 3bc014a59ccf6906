"""Probes of CloudWatch's alarms and metrics."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from tests.cloud.probes import probe

if TYPE_CHECKING:
    from tests.cloud import Account

RATIO: list[dict[str, Any]] = [
    {
        "Id": "rate",
        "Expression": "IF(FILL(runs, 0) > 0, 100 * FILL(errors, 0) / runs, 0)",
        "Label": "Error rate",
        "ReturnData": True,
    },
    *(
        {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
                },
                "Period": 60,
                "Stat": "Sum",
            },
            "ReturnData": False,
        }
        for name, metric in (("errors", "Errors"), ("runs", "Invocations"))
    ),
]

QUERY_ALARM = {
    "AlarmName": "a",
    "ActionsEnabled": "false",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": "3",
    "DatapointsToAlarm": "2",
    "Threshold": "1.5",
    "Namespace": "N",
    "MetricName": "M",
    "Period": "300",
    "Statistic": "Maximum",
    "TreatMissingData": "breaching",
    "Dimensions.member.1.Name": "D",
    "Dimensions.member.1.Value": "<v>",
    "InsufficientDataActions.member.1": "arn:aws:sns:eu-west-1:111122223333:t",
}


def make_topic(account: Account) -> tuple[str, str]:
    """Create a topic and a queue that hears it; return the topic's ARN and the queue's URL."""
    sns, sqs = account.client("sns"), account.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = f"arn:aws:sqs:{account.region}:{account.id}:q"
    policy = allowing("sns.amazonaws.com", "sqs:SendMessage", arn)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, queue


def allowing(service: str, action: str, resource: str) -> str:
    """Return a resource's policy that lets one service do one thing."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def received(account: Account, queue: str) -> list[dict[str, Any]]:
    """Take the alarms' messages from a queue."""
    sqs = account.client("sqs")
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(json.loads(message["Body"])["Message"]) for message in messages]


def query_protocol(account: Account, action: str, **params: str) -> str:
    """Call CloudWatch as Terraform's provider does, and return the XML."""
    body = urlencode({"Action": action, "Version": "2010-08-01", **params})
    request = AWSRequest(
        "POST",
        account.cloud.endpoint_url,
        data=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    SigV4Auth(Credentials(account.id, "test"), "monitoring", account.region).add_auth(request)
    bundle: Any = str(account.cloud.ca_bundle)  # the stubs know only True and False
    with_ours = URLLib3Session(verify=bundle, proxies={})
    answer: str = with_ours.send(request.prepare()).text
    return answer


@probe
def cloudwatch_query_protocol(account: Account) -> None:
    """DescribeAlarms over the Query protocol returns what PutMetricAlarm was given."""
    assert "PutMetricAlarmResponse" in query_protocol(account, "PutMetricAlarm", **QUERY_ALARM)

    found = query_protocol(account, "DescribeAlarms")
    for expected in (
        "<ActionsEnabled>false</ActionsEnabled>",
        "<EvaluationPeriods>3</EvaluationPeriods>",
        "<DatapointsToAlarm>2</DatapointsToAlarm>",
        "<Period>300</Period>",
        "<Statistic>Maximum</Statistic>",
        "<TreatMissingData>breaching</TreatMissingData>",
        "<Name>D</Name><Value>&lt;v&gt;</Value>",
        "<InsufficientDataActions><member>arn:aws:sns:eu-west-1:111122223333:t</member>",
    ):
        assert expected in found


@probe
def cloudwatch_alarm_fields(account: Account) -> None:
    """A metric math alarm keeps its metrics, and gets no statistic or period."""
    cloudwatch = account.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="ratio",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Threshold=5,
        Metrics=RATIO,
    )

    (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert alarm["Metrics"] == RATIO
    assert not {"Statistic", "Period", "MetricName", "Namespace"} & alarm.keys()


@probe
def cloudwatch_alarm_evaluation(account: Account) -> None:
    """An alarm on silence fires when nothing was heard, and falls back when something is."""
    cloudwatch = account.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="silence",
        ComparisonOperator="LessThanThreshold",
        EvaluationPeriods=1,
        Threshold=1,
        Namespace="N",
        MetricName="RunsCompleted",
        Period=3600,
        Statistic="Sum",
        TreatMissingData="breaching",
    )

    assert account.evaluate_alarms() == {"silence": "ALARM"}
    cloudwatch.put_metric_data(
        Namespace="N", MetricData=[{"MetricName": "RunsCompleted", "Value": 1}]
    )
    assert account.evaluate_alarms() == {"silence": "OK"}


@probe
def cloudwatch_metric_data(account: Account) -> None:
    """Dimensions match exactly, and a ratio is computed period by period, newest first."""
    cloudwatch = account.client("cloudwatch")
    now_s = time.time() // 60 * 60
    of_f = [{"Name": "FunctionName", "Value": "f"}]
    for minutes, metric, value in ((1, "Errors", 1), (1, "Invocations", 4), (2, "Invocations", 5)):
        datum = {
            "MetricName": metric,
            "Dimensions": of_f,
            "Timestamp": now_s - 60 * minutes,
            "Value": value,
        }
        cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[datum])

    results = cloudwatch.get_metric_data(
        MetricDataQueries=RATIO, StartTime=now_s - 300, EndTime=now_s
    )["MetricDataResults"]
    assert [(found["Id"], found["Values"]) for found in results] == [
        ("rate", [25.0, 0.0, 0.0, 0.0, 0.0])
    ]
    counts = {
        len(dimensions): cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=dimensions,
            StartTime=now_s - 300,
            EndTime=now_s,
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        for dimensions in ([], of_f)
    }
    assert counts[0] == []
    assert sum(point["Sum"] for point in counts[1]) == 9


@probe
def cloudwatch_topic_policy(account: Account) -> None:
    """A topic that does not let CloudWatch publish hears nothing, and the history says so."""
    sns, cloudwatch = account.client("sns"), account.client("cloudwatch")
    topic, queue = make_topic(account)
    put = cloudwatch.put_metric_alarm
    about = {"ComparisonOperator": "LessThanThreshold", "EvaluationPeriods": 1, "Threshold": 1}
    metric = {"Namespace": "N", "MetricName": "M", "Period": 60, "Statistic": "Sum"}

    heard = []
    for service in ("events.amazonaws.com", "cloudwatch.amazonaws.com"):
        policy = allowing(service, "sns:Publish", topic)
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        put(AlarmName=service, AlarmActions=[topic], **about, **metric)
        cloudwatch.set_alarm_state(AlarmName=service, StateValue="ALARM", StateReason="test")
        heard.append([message["AlarmName"] for message in received(account, queue)])

    assert heard == [[], ["cloudwatch.amazonaws.com"]]
    history = cloudwatch.describe_alarm_history(HistoryItemType="Action")["AlarmHistoryItems"]
    assert [item["AlarmName"] for item in history] == ["events.amazonaws.com"]
