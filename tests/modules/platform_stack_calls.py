"""How the tests call `examples/platform-stack`, and what they ask it beside its outputs."""

from __future__ import annotations

from typing import Any

from tests.modules.answers import ACCOUNT
from tests.modules.plan import REGION

SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:studio/{{}}-AbCdEf"
STACK: dict[str, Any] = {
    "region": REGION,
    "local_cloud": True,
    "database": {
        "host": "studio.abc.eu-west-1.rds.amazonaws.com",
        "name": "studio",
        "expiry": {"secret_arn": SECRET.format("expiry")},
        "purge": {"secret_arn": SECRET.format("purge")},
    },
    "network": {
        "vpc_id": "vpc-0a",
        "subnet_ids": ["subnet-0a", "subnet-0b"],
        "database_security_group_id": "sg-0a",
        "endpoint_security_group_id": "sg-0b",
        "s3_prefix_list_id": "pl-6da54004",
    },
}
CALLS = {"stack": STACK, "keyed": {**STACK, "customer_key": True}}
# The example has a provider of its own, as a consumer's root has; it reads the environment.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "plan"}
# Policies name what is not made yet, so a plan does not know them whole; this tells their parts.
PROBE = """
output "probe" {
  value = {
    purge_environment = module.soft_delete_purge.environment
    grants = {
      for key, system in local.systems : key => [system.statements, system.service_grants]
    }
  }
}
"""
