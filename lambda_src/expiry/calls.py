"""
Turn the errors of AWS calls into ones that say what to change.

Makes no call of its own. Owns the sets of error codes; the service's error stays as the cause.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from expiry.errors import DeniedError, NotFoundError, StoreError, ThrottledError

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING_CODES = frozenset({"ResourceNotFoundException", "NoSuchBucket"})
DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "403"})
THROTTLED_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "ThrottlingException",
    }
)


@contextmanager
def explained(action: str, resource: str, *, setting: str) -> Iterator[None]:
    """
    Re-raise what AWS raises inside as a StoreError that names *action* and *setting*.

    Args:
        action: As IAM writes it, for example ``dynamodb:Scan``.
        resource: For people, for example ``table sessions``.
        setting: What names the resource, and so may be wrong, for example ``TABLE_NAME``.
    """
    try:
        yield
    except ClientError as error:
        raise _translated(error, action, resource, setting) from error
    except BotoCoreError as error:
        raise StoreError(action, resource, f"no answer from the service: {error}") from error


def _translated(error: ClientError, action: str, resource: str, setting: str) -> StoreError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    text = str(error.response.get("Error", {}).get("Message", ""))
    if code in MISSING_CODES:
        advice = f"it does not exist in this account and Region; correct {setting}"
        return NotFoundError(action, resource, advice)
    if code in DENIED_CODES:
        advice = f"access denied; allow {action} on it in the function's role ({text})"
        return DeniedError(action, resource, advice)
    if code in THROTTLED_CODES:
        advice = f"throttled until the retries were used up; read slower or raise capacity ({text})"
        return ThrottledError(action, resource, advice)
    return StoreError(action, resource, f"{code}: {text}")
