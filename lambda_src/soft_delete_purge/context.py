"""
What the steps of one run share.

Makes no call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.logging import Logger

    from expiry.budget import Budget, WritePace
    from expiry.objects import Objects
    from expiry.postgres.link import Link
    from soft_delete_purge.failures import Failures
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.queues import Queues
    from soft_delete_purge.settings import Settings
    from soft_delete_purge.terms import Look, Terms


@dataclass(frozen=True, slots=True)
class Context:
    """One run's means."""

    run_id: str
    settings: Settings
    dry_run: bool
    link: Link
    bound: Bound
    terms: Terms
    failures: Failures
    queues: Queues
    look: Look
    objects_in: Callable[[str], Objects]  # by the bucket's name
    budget: Budget
    pace: WritePace  # records count as writes
    logger: Logger
    clock: Callable[[], float]
    sleep: Callable[[float], None]
