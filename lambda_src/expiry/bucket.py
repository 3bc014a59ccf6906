"""
Call S3 about one bucket, and say with each call whose it must be.

Every S3 call of the engine goes through here, so none can miss ExpectedBucketOwner, the pace, or
an error that says what to change. Owns the paging of listings; retries nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expiry.calls import explained
from expiry.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from expiry.budget import Pace

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, the client that speaks to it, and the account that it belongs to."""

    client: S3Client  # of clients.s3_listing where listings are long
    name: str
    owner_account_id: str
    pace: Pace
    setting: str = "BUCKET"  # names the bucket in the caller's settings, for errors

    def __str__(self) -> str:
        """Name it for people, owner included: a wrong one is refused as if by the role."""
        return f"bucket {self.name} of account {self.owner_account_id}"

    def call(self, operation: str, action: str, /, **request: Any) -> Answer:
        """
        Call *operation*, as boto3 names it, which needs *action*, as IAM names it.

        Raises:
            StoreError: The call failed; a throttled one after all of the client's retries.
        """
        self.pace.take()
        with explained(action, str(self), setting=self.setting):
            answer: Answer = getattr(self.client, operation)(
                Bucket=self.name, ExpectedBucketOwner=self.owner_account_id, **request
            )
        return answer

    def pages(
        self,
        operation: str,
        action: str,
        request: Mapping[str, Any],
        markers: Mapping[str, str],
        decode: Callable[[Answer], Answer] = lambda answer: answer,
    ) -> Iterator[Answer]:
        """
        Yield a listing's answers, one call each; an empty one need not be the last.

        Args:
            markers: Member of the request → member of the answer that it takes its value from.
            decode: Applied to each answer before its markers are read.

        Raises:
            StoreError: A call failed, or an answer says that more follows and not where.
        """
        after: dict[str, Any] = {}
        while True:
            answer = decode(self.call(operation, action, **{**request, **after}))
            yield answer
            if not answer.get("IsTruncated"):
                return
            before, after = (
                after,
                {asked: answer[given] for asked, given in markers.items() if answer.get(given)},
            )
            if not after or after == before:
                raise StoreError(action, str(self), "a page that is not the last leads nowhere")


def code_of(error: StoreError) -> str:
    """Return the service's code that *error* stands for; "" where the service gave no answer."""
    response: Mapping[str, Any] = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
