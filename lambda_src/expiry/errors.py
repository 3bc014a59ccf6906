"""
Every error that a run raises on purpose, in one file.

    ExpiryError
    ├── SettingsError        the environment is incomplete or malformed: every fault is named
    ├── EventError           the event holds what this function does not take: all of it is named
    ├── MismatchError        the settings do not fit the resource that they name
    ├── UnsafeRuntimeError   the runtime's boto3 cannot make a delete conditional
    ├── CapExceededError     the plan holds more deletions than the operator allows
    └── StoreError           an AWS call failed; the service's own error is the cause
        ├── NotFoundError    the table or bucket is not there
        ├── DeniedError      the role lacks an action
        └── ThrottledError   the service refused for load, after all retries

Each message says what to change. Nothing here is raised for a single bad row: those are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExpiryError(Exception):
    """The run could not do its work."""


class SettingsError(ExpiryError):
    """Variables of the environment are missing or malformed; nothing was read or done."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Name all *problems* in one message."""
        super().__init__(f"environment: {'; '.join(problems)}")
        self.problems = tuple(problems)


class EventError(ExpiryError):
    """The event holds unknown keys or wrong types; nothing was read or done."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Name all *problems* in one message."""
        super().__init__(f"event: {'; '.join(problems)}")
        self.problems = tuple(problems)


class MismatchError(ExpiryError):
    """A setting names something that the resource does not have."""


class UnsafeRuntimeError(ExpiryError):
    """The runtime cannot delete conditionally, so it must not delete; nothing was deleted."""


class CapExceededError(ExpiryError):
    """The plan holds more deletions than the operator allows; nothing of it was deleted."""

    def __init__(self, planned: int, cap: int, reason: str) -> None:
        """Say how many deletions were *planned*, how many would have passed, and what to do."""
        super().__init__(f"plan has {planned} deletions, cap is {cap}: {reason}")
        self.planned, self.cap, self.reason = planned, cap, reason


class StoreError(ExpiryError):
    """An AWS call failed for a reason that has no class of its own."""

    def __init__(self, action: str, resource: str, advice: str) -> None:
        """Say which *action*, as IAM writes it, failed on what, and what to change."""
        super().__init__(f"{action} on {resource}: {advice}")
        self.action, self.resource = action, resource


class NotFoundError(StoreError):
    """The resource is not in this account and Region."""


class DeniedError(StoreError):
    """The function's role, a resource policy or a key policy refuses the action."""


class ThrottledError(StoreError):
    """The service kept refusing for load until the retries were used up."""
