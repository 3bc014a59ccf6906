"""
Application Auto Scaling: targets and policies, kept and told, never acted upon.

AWS: scales a table's capacity between two limits. 1.5.33: does not know the service, so a table
with provisioned capacity cannot be applied. Here targets and policies are stored; nothing is
scaled, since the emulator throttles nothing. Upstream needs: the service.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from tests.cloud import emulator

NAME = "application-autoscaling"
PREFIX = "AnyScaleFrontendService"
SCALABLE = ("ServiceNamespace", "ResourceId", "ScalableDimension")

Record = dict[str, Any]


class Service:
    """The store and its actions, each from request to answer."""

    def __init__(self) -> None:
        """Begin with nothing."""
        scoped = emulator.module("core.responses").AccountRegionScopedDict
        self.targets, self.policies, self.tags = scoped(), scoped(), scoped()

    def register_scalable_target(self, request: Record) -> Record:
        """Create or change a target; what a change leaves out stays."""
        key = key_of(request)
        account, region = emulator.current_scope()
        known = self.targets.get(key) or {
            "ScalableTargetARN": f"arn:aws:{NAME}:{region}:{account}:scalable-target/"
            + uuid.uuid4().hex[:30],
            "RoleARN": f"arn:aws:iam::{account}:role/aws-service-role/dynamodb.{NAME}"
            ".amazonaws.com/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
            "CreationTime": time.time(),
            "SuspendedState": dict.fromkeys(
                (
                    "DynamicScalingInSuspended",
                    "DynamicScalingOutSuspended",
                    "ScheduledScalingSuspended",
                ),
                False,
            ),
        }
        kept = {k: v for k, v in request.items() if k not in {"Tags", "RoleARN"}}
        self.targets[key] = {**known, **kept}
        arn = known["ScalableTargetARN"]
        self.tags[arn] = {**(self.tags.get(arn) or {}), **(request.get("Tags") or {})}
        return {"ScalableTargetARN": arn}

    def describe_scalable_targets(self, request: Record) -> Record:
        """List targets, those asked for."""
        return {"ScalableTargets": matching(self.targets, request)}

    def deregister_scalable_target(self, request: Record) -> Record:
        """Remove a target, and its policies with it."""
        if self.targets.pop(key_of(request), None) is None:
            raise LookupError("No scalable target found for the request.")
        for key in [key for key in self.policies if key[:3] == key_of(request)]:
            del self.policies[key]
        return {}

    def put_scaling_policy(self, request: Record) -> Record:
        """Create or replace a policy."""
        if key_of(request) not in self.targets:
            raise LookupError("No scalable target registered for the request.")
        key = (*key_of(request), request["PolicyName"])
        account, region = emulator.current_scope()
        known = self.policies.get(key) or {
            "PolicyARN": f"arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid.uuid4()}:"
            f"resource/{request['ServiceNamespace']}/{request['ResourceId']}:"
            f"policyName/{request['PolicyName']}",
            "CreationTime": time.time(),
        }
        self.policies[key] = {"Alarms": [], **known, **request}
        return {"PolicyARN": known["PolicyARN"], "Alarms": []}

    def describe_scaling_policies(self, request: Record) -> Record:
        """List policies, those asked for."""
        found = matching(self.policies, request)
        names = request.get("PolicyNames")
        return {
            "ScalingPolicies": [p for p in found if not names or p["PolicyName"] in names],
        }

    def delete_scaling_policy(self, request: Record) -> Record:
        """Remove a policy."""
        if self.policies.pop((*key_of(request), request["PolicyName"]), None) is None:
            raise LookupError("No scaling policy found for the request.")
        return {}

    def list_tags_for_resource(self, request: Record) -> Record:
        """Return a target's tags."""
        return {"Tags": self.tags.get(request["ResourceARN"]) or {}}

    def tag_resource(self, request: Record) -> Record:
        """Add tags to a target."""
        arn = request["ResourceARN"]
        self.tags[arn] = {**(self.tags.get(arn) or {}), **request["Tags"]}
        return {}

    def untag_resource(self, request: Record) -> Record:
        """Take tags from a target."""
        tags = self.tags.get(request["ResourceARN"]) or {}
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}


def apply() -> None:
    """Register the service where requests are routed, authorized and served."""
    actions = {
        "".join(part.capitalize() for part in name.split("_")): getattr(Service, name)
        for name in vars(Service)
        if not name.startswith("_")
    }
    service = Service()
    responses = emulator.module("core.responses")

    async def handle_request(
        _method: str, _path: str, headers: Any, body: bytes, _query: Any
    ) -> Any:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action not in actions:
            return responses.error_response_json("UnknownOperationException", action, 400)
        try:
            return responses.json_response(actions[action](service, json.loads(body or b"{}")))
        except LookupError as error:
            return responses.error_response_json("ObjectNotFoundException", str(error), 400)

    emulator.module("core.router").SERVICE_PATTERNS[NAME] = {"target_prefixes": [PREFIX]}
    emulator.module("core.iam_actions").SERVICE_TO_IAM_NAMESPACE[NAME] = NAME
    emulator.module("app").SERVICE_HANDLERS[NAME] = handle_request


def key_of(request: Record) -> tuple[str, ...]:
    """Return what names a target."""
    return tuple(request[name] for name in SCALABLE)


def matching(store: Any, request: Record) -> list[Record]:
    """Return the records that a Describe request asks for."""
    ids = request.get("ResourceIds") or [request[n] for n in ("ResourceId",) if n in request]
    dimension = request.get("ScalableDimension")
    return [
        record
        for record in store.values()
        if record["ServiceNamespace"] == request["ServiceNamespace"]
        and (not ids or record["ResourceId"] in ids)
        and (not dimension or record["ScalableDimension"] == dimension)
    ]
