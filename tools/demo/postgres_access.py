"""
How a deployed function gets into a database of ours: a secret with its password, and its variables.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cloud import Account
    from tests.postgres.database import Database


def secret_text(database: Database, password: str = "") -> str:
    """Write the secret as RDS does."""
    return json.dumps(
        {
            "engine": "postgres",
            "host": database.host,
            "port": database.port,
            "dbname": database.name,
            "username": database.user,
            "password": password or database.password,
        }
    )


def stored(account: Account, database: Database, name: str) -> str:
    """Put the password into Secrets Manager; return the secret's ARN."""
    manager = account.client("secretsmanager")
    made = manager.create_secret(Name=name, SecretString=secret_text(database))
    arn: str = made["ARN"]
    return arn


def variables(database: Database, secret_arn: str) -> dict[str, str]:
    """Return what an example needs to know of it, as Terraform reads it."""
    about = {
        "host": database.host,
        "port": database.port,
        "name": database.name,
        "user": database.user,
        "secret_arn": secret_arn,
        "ca_bundle": str(database.ca_file),
    }
    return {"database": json.dumps(about), "local_cloud": "true"}
