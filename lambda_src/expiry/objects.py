"""
List a bucket's objects, and delete each only if it is still what it was when it was listed.

Calls: s3:ListBucket, s3:DeleteObject with an ETag (which also needs s3:GetObject), and
s3:GetObjectTagging. Never HEAD: where only a prefix may be listed, a missing key looks denied.
Owns the retry of keys that the store did not do within HTTP 200, which the SDK cannot see.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.bucket import code_of
from expiry.errors import StoreError, ThrottledError, UnsafeRuntimeError
from expiry.keys import xml_carries
from expiry.outcomes import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from expiry.bucket import Answer, Bucket
    from expiry.budget import Budget

MOST_KEYS = 1_000  # a call, and a page (API_DeleteObjects, API_ListObjectsV2)
UNSAID = "the answer does not mention it"
NO_TIME = "not tried: no time left"
CALL_S = 2.0  # a full batch rarely takes longer; it is not begun where it might not end
RETRY_DELAYS_S = (0.5, 1.0, 2.0, 4.0)

OUTCOMES = {"NoSuchKey": Outcome.GONE, "PreconditionFailed": Outcome.CHANGED}
RETRIED_CODES = frozenset(
    {
        "ConditionalRequestConflict",  # a writer is at it right now: the condition will tell
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
    }
)
# An error that names a key which XML cannot carry cannot be read: its status stands for its code.
CODES = {
    "404": "NoSuchKey",
    "409": "ConditionalRequestConflict",
    "412": "PreconditionFailed",
    "500": "InternalError",
    "503": "SlowDown",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing shows it."""

    key: str
    etag: str  # quoted, as S3 gives it
    last_modified_s: float  # of a multipart object: when its upload began
    size: int

    @property
    def multipart(self) -> bool:
        """Say whether it was uploaded in parts, so that it may be younger than it looks."""
        return "-" in self.etag


@dataclass(frozen=True, slots=True)
class ObjectCandidate:
    """An object that looks dead; the delete is conditional on its ETag."""

    key: str
    etag: str  # quoted, as S3 gives it
    last_modified_s: float
    size: int
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no ETag: with none, or with ``*``, anything at that key would go."""
        if len(self.etag) <= len('""') or self.etag[0] != '"' or self.etag[-1] != '"':
            raise ValueError(f"{self.etag!r} is no quoted ETag")

    @classmethod
    def of(cls, listed: Listed, reason: str, **evidence: Any) -> ObjectCandidate:
        """Make a candidate of what a listing has shown."""
        return cls(listed.key, listed.etag, listed.last_modified_s, listed.size, reason, evidence)


Page = list[Listed]
Prefixes = list[str]
Batch = list[ObjectCandidate]
Results = list[Result[ObjectCandidate]]


class Objects:
    """The objects of one bucket. Threads may share it where they may share the client."""

    def __init__(self, bucket: Bucket, budget: Budget) -> None:
        """
        Work on *bucket*; *budget* says whether there is time to try again.

        Raises:
            UnsafeRuntimeError: The SDK here cannot delete on a condition.
        """
        require_conditional_deletes(bucket.client)
        self._bucket = bucket
        self._budget = budget

    # Finding

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[Page]:
        """
        Yield what lies under *prefix*, in the order of keys, page by page; a page may be empty.

        Args:
            start_after: Begin behind this key, which need not exist.

        Raises:
            StoreError: A page could not be read; what was yielded is not all there is.
        """
        for answer in self._pages(Prefix=prefix, StartAfter=start_after):
            yield [_listed(item) for item in answer.get("Contents", ())]

    def prefixes(self, prefix: str) -> Prefixes:
        """Return the prefixes one ``/`` deeper than *prefix*, in their order."""
        return [
            found["Prefix"]
            for answer in self._pages(Prefix=prefix, Delimiter="/")
            for found in answer.get("CommonPrefixes", ())
        ]

    def find(self, key: str) -> Listed | None:
        """Return the object at *key*, None where there is none."""
        request = {"Prefix": key, "MaxKeys": 1}  # of all that begin so, *key* itself comes first
        answer = self._bucket.call("list_objects_v2", "s3:ListBucket", **request)
        found = [_listed(item) for item in answer.get("Contents", ()) if item["Key"] == key]
        return found[0] if found else None

    def has_tag(self, key: str, tag: str) -> bool:
        """Say whether the object carries *tag*, or may: tags that cannot be read protect it."""
        try:
            answer = self._bucket.call("get_object_tagging", "s3:GetObjectTagging", Key=key)
        except StoreError:
            return True
        return any(found["Key"] == tag for found in answer["TagSet"])

    def _pages(self, **request: str) -> Iterator[Answer]:
        return self._bucket.pages(
            "list_objects_v2",
            "s3:ListBucket",
            {name: text for name, text in request.items() if text},
            {"ContinuationToken": "NextContinuationToken"},
        )

    # Acting

    def delete(self, candidates: Collection[ObjectCandidate]) -> Results:
        """
        Delete the objects that still have the ETag they were listed with; one result each.

        A thousand keys go in one call, keys that XML cannot carry in one each, all in the order
        given but for those. The detail of ``deleted`` is the id of the delete marker, where the
        bucket made one. What is sent again after a try that did not say how it ended, and is not
        there any more, is ``gone``. What there was no time to try is ``failed`` and says so.

        Raises:
            StoreError: The service refused the first call as a whole: nothing was deleted.
        """
        results: Results = []
        for batch in _batches(candidates):
            if not self._budget.allows(CALL_S):
                results += [Result(candidate, Outcome.FAILED, NO_TIME) for candidate in batch]
                continue
            try:
                results += self._until_settled(batch)
            except StoreError as error:
                if not results and _refused(error):
                    raise
                results += [Result(candidate, Outcome.FAILED, str(error)) for candidate in batch]
        return results

    def _until_settled(self, batch: Batch) -> Results:
        """Send again what the store says it did not do, as long as the time lasts."""
        ends: dict[str, Result[ObjectCandidate]] = {}
        waiting = batch
        for delay_s in (0.0, *RETRY_DELAYS_S):
            if delay_s and not self._waited(delay_s):
                break
            try:
                answer = self._send(waiting)
            except StoreError:
                if not ends:
                    raise
                break  # what the first answer said of the others stands
            ends |= _ends(answer, waiting)
            waiting = [candidate for candidate in waiting if _is_retried(ends[candidate.key])]
            if not waiting:
                break
        return [ends[candidate.key] for candidate in batch]

    def _waited(self, delay_s: float) -> bool:
        if not self._budget.allows(delay_s + CALL_S):
            return False
        self._bucket.pace.wait(delay_s)
        return True

    def _send(self, batch: Batch) -> Answer:
        if not xml_carries(batch[0].key):
            return self._send_alone(batch[0])
        objects = [{"Key": candidate.key, "ETag": candidate.etag} for candidate in batch]
        # Quiet would hide the ids of delete markers, and make the count a guess.
        order = {"Objects": objects, "Quiet": False}
        return self._bucket.call("delete_objects", "s3:DeleteObject", Delete=order)

    def _send_alone(self, candidate: ObjectCandidate) -> Answer:
        """Delete one object, and answer as a batch would have."""
        named = {"Key": candidate.key}
        try:
            answer = self._bucket.call(
                "delete_object", "s3:DeleteObject", **named, IfMatch=candidate.etag
            )
        except StoreError as error:
            code = code_of(error)
            if not code:
                raise
            return {"Errors": [{**named, "Code": CODES.get(code, code), "Message": str(error)}]}
        marker = {"DeleteMarkerVersionId": answer["VersionId"]} if "VersionId" in answer else {}
        return {"Deleted": [{**named, **marker}]}


def require_conditional_deletes(client: Any) -> None:
    """
    Make sure that the SDK sends a delete's condition.

    Raises:
        UnsafeRuntimeError: The model of S3 that *client* has does not know the condition.
    """
    model = client.meta.service_model
    several = "ETag" in model.shape_for("ObjectIdentifier").members
    if not (several and "IfMatch" in model.shape_for("DeleteObjectRequest").members):
        raise UnsafeRuntimeError(
            "this runtime's boto3 cannot delete an object by its ETag, so nothing was deleted;"
            " use a newer Lambda runtime"
        )


def _listed(item: Mapping[str, Any]) -> Listed:
    return Listed(item["Key"], item["ETag"], item["LastModified"].timestamp(), item["Size"])


def _batches(candidates: Iterable[ObjectCandidate]) -> Iterator[Batch]:
    """Group candidates for a call each; none holds a key twice: answers are told apart by key."""
    seen: Counter[str] = Counter()
    together: defaultdict[int, Batch] = defaultdict(list)
    alone: list[Batch] = []
    for candidate in candidates:
        if xml_carries(candidate.key):
            together[seen[candidate.key]].append(candidate)
            seen[candidate.key] += 1
        else:
            alone.append([candidate])
    for batch in together.values():
        for start in range(0, len(batch), MOST_KEYS):
            yield batch[start : start + MOST_KEYS]
    yield from alone


def _ends(answer: Answer, batch: Batch) -> dict[str, Result[ObjectCandidate]]:
    """Return what *answer* says of each candidate, by key."""
    candidates = {candidate.key: candidate for candidate in batch}
    ends = {key: Result(each, Outcome.FAILED, UNSAID) for key, each in candidates.items()}
    for deleted in answer.get("Deleted", ()):
        if candidate := candidates.get(deleted["Key"]):
            marker = deleted.get("DeleteMarkerVersionId", "")
            ends[candidate.key] = Result(candidate, Outcome.DELETED, marker)
    for error in answer.get("Errors", ()):
        if candidate := candidates.get(error["Key"]):
            outcome = OUTCOMES.get(error["Code"], Outcome.FAILED)
            detail = f"{error['Code']}: {error.get('Message', '')}"
            ends[candidate.key] = Result(candidate, outcome, detail)
    return ends


def _is_retried(end: Result[ObjectCandidate]) -> bool:
    return end.outcome is Outcome.FAILED and end.detail.partition(":")[0] in RETRIED_CODES


def _refused(error: StoreError) -> bool:
    """Say whether the service answered, and surely did nothing; load is no refusal."""
    code = code_of(error)
    return bool(code) and code not in RETRIED_CODES and not isinstance(error, ThrottledError)
