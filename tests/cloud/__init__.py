"""
An AWS of one's own, on a loopback port, for tests and for the demo.

    with Cloud.start() as cloud:
        account = cloud.account()
        account.client("dynamodb").list_tables()

``process`` starts and stops the server, ``account`` is what a test holds; both run in the
developer's environment. ``server`` and everything that it imports (``doors``, ``recorder``,
``emulator``, ``corrections``) runs in the emulator's own environment, where boto3 is not installed.
"""

from tests.cloud.account import Account, Call
from tests.cloud.process import Cloud, CloudError

__all__ = ["Account", "Call", "Cloud", "CloudError"]
