"""The suite for AWS itself, held against the embedded cloud, so that it runs when asked to."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tools.terraform import ROOT

if TYPE_CHECKING:
    from tests.cloud import Account

pytestmark = pytest.mark.conformance


def aws_suite(account: Account, **environment: str) -> str:
    """Run the suite as `make conformance TARGET=aws` does, in *account*; return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/aws"],
        cwd=ROOT,
        env={**account.full_env(), "TARGET": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_aws_suite_passes_and_leaves_nothing(account: Account) -> None:
    """Every claim is asked, and table, bucket and role are removed."""
    said = aws_suite(account, TARGET="aws")

    assert "14 passed" in said, said
    assert account.client("dynamodb").list_tables()["TableNames"] == []
    assert account.client("s3").list_buckets()["Buckets"] == []
    assert account.client("iam").list_roles()["Roles"] == []


def test_aws_suite_not_asked_for_calls_nothing(account: Account) -> None:
    """A plain run of all tests reaches nobody's account."""
    said = aws_suite(account)

    assert "no tests ran" in said, said
    assert account.calls() == []
