"""
The application beside the cleanup: the one that keeps the contract, and the one that does not.

Obedient: the row comes before the presigned URL; what it writes to a row is conditional on the row
being there and not ``expiring``. What was refused to it, it does not count as done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.safety.stage import ID, key_of

if TYPE_CHECKING:
    from tests.safety.stage import Stage

CONTRACT = f"attribute_exists({ID}) AND #s <> :expiring"


@dataclass(frozen=True, slots=True)
class Application:
    """What uploads, on a stage."""

    stage: Stage
    obedient: bool = True

    def create(self, session_id: str, **attributes: Any) -> bool:
        """Create a session; its object comes after."""
        fresh = {"ttl": self.stage.at(1), "createdAt": self.stage.iso(0)}
        self.stage.write([self.stage.session(session_id, **{**fresh, **attributes})])
        return True

    def adopt(self, session_id: str) -> bool:
        """Create a session for an upload that was begun long ago."""
        upload_id = self.stage.uploads[session_id]
        return self.create(session_id, uploadType="multipart", s3UploadId=upload_id)

    def put(self, session_id: str, content: str = "") -> bool:
        """Put its object, with new content; the store sets the time."""
        body = (content or f"{session_id} at {self.stage.now_s}").encode()
        self.stage.put(key_of(session_id), age_h=0, body=body)
        return True

    def renew(self, session_id: str) -> bool:
        """Give the session another hour."""
        return self._update(session_id, "SET #t = :t", {":t": {"N": str(self.stage.at(1))}})

    def complete(self, session_id: str) -> bool:
        """Say that the upload is done, and take the ttl away."""
        return self._update(session_id, "SET #s = :done REMOVE #t", {":done": {"S": "uploaded"}})

    def complete_only(self, session_id: str) -> bool:
        """Say that the upload is done, and leave the ttl, which then protects nothing."""
        return self._update(session_id, "SET #s = :done", {":done": {"S": "uploaded"}})

    def assemble(self, session_id: str) -> bool:
        """Complete the multipart upload; False where it was aborted."""
        try:
            self.stage.complete(session_id, key_of(session_id))
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise
            return False
        return True

    def late_part(self, session_id: str) -> bool:
        """Let one more part land; False where the upload was aborted."""
        try:
            self.stage.part(session_id, key_of(session_id), 9, young=True)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise
            return False
        return True

    def take_over(self, session_id: str, run_id: str) -> bool:
        """Be another run that takes a claim over; False where there is none."""
        try:
            self.stage.clients.dynamodb.update_item(
                TableName=self.stage.name,
                Key={ID: {"S": session_id}},
                UpdateExpression="SET expiryRun = :run",
                ConditionExpression="attribute_exists(expiryRun)",
                ExpressionAttributeValues={":run": {"S": run_id}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _update(self, session_id: str, change: str, values: dict[str, Any]) -> bool:
        request: dict[str, Any] = {
            "TableName": self.stage.name,
            "Key": {ID: {"S": session_id}},
            "UpdateExpression": change,
            "ExpressionAttributeNames": {"#s": "status", "#t": "ttl"},
            "ExpressionAttributeValues": values,
        }
        if self.obedient:
            request["ConditionExpression"] = CONTRACT
            request["ExpressionAttributeValues"] |= {":expiring": {"S": "expiring"}}
        used = change + request.get("ConditionExpression", "")
        names = request["ExpressionAttributeNames"]
        request["ExpressionAttributeNames"] = {n: v for n, v in names.items() if n in used}
        try:
            self.stage.clients.dynamodb.update_item(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True
