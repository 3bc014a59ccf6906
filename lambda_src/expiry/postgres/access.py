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

    from expiry.postgres.connection import Server
    from expiry.postgres.credentials import Credentials
    from expiry.postgres.session import Session
    from expiry.postgres.settings import PasswordSource

STATEMENT_TIMEOUT_MS = 30_000


def connector(
    server: Server, password: PasswordSource, application_name: str
) -> Callable[[bool], Session]:
    """Return what opens a session; with True, one that the server lets only read."""
    credentials = _credentials(password)

    def open_session(read_only: bool) -> Session:  # noqa: FBT001 - the one argument of a callable
        limits = Limits(
            statement_timeout_ms=STATEMENT_TIMEOUT_MS,
            application_name=application_name,
            read_only=read_only,
        )
        return connect(server, credentials, limits)

    return open_session


def _credentials(source: PasswordSource) -> Credentials:
    if source.file is not None:
        return FileCredentials(source.file)
    from expiry import clients  # noqa: PLC0415 - see above

    if source.secret_arn is not None:
        return SecretCredentials(clients.secretsmanager(), source.secret_arn)
    from botocore.session import Session as AwsSession  # noqa: PLC0415 - see above

    region = AwsSession().get_config_variable("region")
    if region is None:
        raise SettingsError(["PG_IAM_AUTH needs a Region: set AWS_REGION"])
    return IamCredentials(clients.signing_credentials(), region)
