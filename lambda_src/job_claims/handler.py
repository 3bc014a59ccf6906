"""The Lambdas' entry points, one a function: settings, clients, request, answer."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from job_claims import functions, means
from job_claims import request as requests

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def check_active_job(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Say who works on a key, and whether a message should interrupt that."""
    with means.telling(os.environ, context):
        claims = means.claims(os.environ)
        return functions.check(claims, requests.CheckRequest.parse(event), time.time())


def claim_job(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Claim a key, or make the lease of the same thread longer."""
    with means.telling(os.environ, context) as tell:
        return functions.claim(means.claims(os.environ), requests.ClaimRequest.parse(event), tell)


def refresh_claim(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Make the owner's lease longer."""
    with means.telling(os.environ, context) as tell:
        return functions.refresh(means.owners(os.environ), requests.OwnerRequest.parse(event), tell)


def release_claim(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Give the owner's key back."""
    with means.telling(os.environ, context) as tell:
        owners = means.owners(os.environ)
        request = requests.OwnerRequest.parse(event, of_message=True)
        return functions.release(owners, request, tell, time.time())


def record_interruption(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Record what interrupted a container."""
    with means.telling(os.environ, context) as tell:
        return functions.record(
            means.records(os.environ), requests.InterruptionRequest.parse(event), tell
        )


def send_interrupt(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Tell a container to stop for newer work."""
    with means.telling(os.environ, context) as tell:
        queues = means.interrupts(os.environ)
        return functions.interrupt(
            queues, requests.InterruptRequest.parse(event), tell, time.time()
        )


def handle_timeout(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Record a worker's death, tell the dead-letter queue, free its key."""
    with means.telling(os.environ, context) as tell:
        return functions.time_out(
            means.timeouts(os.environ), requests.TimeoutRequest.parse(event), tell
        )
