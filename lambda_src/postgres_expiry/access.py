"""
Open sessions for a run, with the password from where the settings say.

boto3 is imported only where a secret or an IAM token needs it: the command runs without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.errors import SettingsError
from expiry.postgres.connection import Limits, connect
from expiry.postgres.credentials import FileCredentials, IamCredentials, SecretCredentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from expiry.postgres.credentials import Credentials
    from expiry.postgres.session import Session
    from postgres_expiry.settings import PasswordSource, Settings

APPLICATION_NAME = "postgres-expiry"
STATEMENT_TIMEOUT_MS = 30_000
REGION_OF_ARN = 3


def connector(settings: Settings) -> Callable[[bool], Session]:
    """Return what opens a session; with True, one that the server lets only read."""
    credentials = _credentials(settings.password)

    def open_session(read_only: bool) -> Session:  # noqa: FBT001 - the one argument of a callable
        limits = Limits(
            statement_timeout_ms=STATEMENT_TIMEOUT_MS,
            application_name=APPLICATION_NAME,
            read_only=read_only,
        )
        return connect(settings.server, credentials, limits)

    return open_session


def _credentials(source: PasswordSource) -> Credentials:
    if source.file is not None:
        return FileCredentials(source.file)
    import boto3  # noqa: PLC0415 - see above
    from botocore.config import Config  # noqa: PLC0415 - see above

    session = boto3.Session()
    if source.secret_arn is not None:
        # A function in a VPC without an endpoint would hang until its timeout.
        config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
        region = source.secret_arn.split(":")[REGION_OF_ARN]
        client = session.client("secretsmanager", region_name=region, config=config)
        return SecretCredentials(client, source.secret_arn)
    signer = session.get_credentials()
    if signer is None or session.region_name is None:
        raise SettingsError(["PG_IAM_AUTH needs the role's credentials and a Region"])
    return IamCredentials(signer, session.region_name)
