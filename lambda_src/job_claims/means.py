"""
Make what the functions work with, from the environment and this invocation.

Clients live as long as the function stays warm: a claim is one call, and must not wait for TLS.
"""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expiry import clients
from expiry.telemetry import Emitter, MetricTable, failures_logged, logger_for
from job_claims.claims import Claims
from job_claims.functions import DeadLetters, Telling
from job_claims.interruptions import Records
from job_claims.owners import Owners
from job_claims.queues import Queues, QueueTemplate
from job_claims.settings import (
    CLAIMS_VARIABLE,
    INTERRUPTIONS_VARIABLE,
    ClaimSettings,
    MetricSettings,
    RecordSettings,
    TimeoutSettings,
)
from job_claims.update import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

METRICS = MetricTable.load(Path(__file__).with_name("metrics.json"))


@contextmanager
def telling(env: Mapping[str, str], context: LambdaContext) -> Iterator[Telling]:
    """Give one invocation its logger and metrics; log what ends it."""
    logger = logger_for("job_claims", context.aws_request_id)
    with failures_logged(logger):
        settings = MetricSettings.from_env(env, context.function_name)
        namespace = settings.namespace or METRICS.namespace
        emitter = Emitter(METRICS, {"JobClaims": settings.deployment}, namespace)
        yield Telling(logger, emitter.emit)


def claims(env: Mapping[str, str]) -> Claims:
    """Return the table of active jobs."""
    return _claims(ClaimSettings.from_env(env))


def owners(env: Mapping[str, str]) -> Owners:
    """Return the table of active jobs, for those who hold a key."""
    return _owners(ClaimSettings.from_env(env))


def records(env: Mapping[str, str]) -> Records:
    """Return the table of interruptions."""
    return _records(RecordSettings.from_env(env))


def interrupts(env: Mapping[str, str]) -> tuple[Queues, QueueTemplate]:
    """Return the containers' queues, and how they are called."""
    return _queues(), QueueTemplate.from_env(env)


def timeouts(env: Mapping[str, str]) -> tuple[Claims, Owners, Records, DeadLetters]:
    """Return both tables and the dead-letter queue; every missing variable in one error."""
    settings = TimeoutSettings.from_env(env)
    letters = DeadLetters(_queues(), settings.dead_letter_queue_url)
    claims = settings.claims
    return _claims(claims), _owners(claims), _records(settings.records), letters


def container_id(now_s: int) -> str:
    """Return a new container's id: easy to trace in logs, and never the same twice."""
    return f"container-{now_s}-{secrets.token_hex(6)}"


def _claims(settings: ClaimSettings) -> Claims:
    table = Table(_dynamodb(), settings.table, CLAIMS_VARIABLE)
    return Claims(table, settings, time.time, container_id)


def _owners(settings: ClaimSettings) -> Owners:
    return Owners(Table(_dynamodb(), settings.table, CLAIMS_VARIABLE), settings, time.time)


def _records(settings: RecordSettings) -> Records:
    table = Table(_dynamodb(), settings.table, INTERRUPTIONS_VARIABLE)
    return Records(table, settings, time.time)


@cache
def _dynamodb() -> Any:
    return clients.dynamodb(threads=1)


@cache
def _queues() -> Queues:
    return Queues(clients.sqs())
