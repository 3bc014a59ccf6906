"""
What the preset takes for granted, held to the released library's own constants.
"""

from __future__ import annotations

import json
from pathlib import Path

from actingweb import constants
from postgres_expiry import lifetimes as postgres
from tests.actingweb.library import Library

ROOT = Path(__file__).resolve().parents[2]
PRESET = json.loads((ROOT / "lambda_src/index_cleanup/actingweb.json").read_text())
LIFETIMES = {
    "oauth_session_s": constants.OAUTH_SESSION_TTL,
    "spa_access_token_s": constants.SPA_ACCESS_TOKEN_TTL,
    "spa_refresh_token_s": constants.SPA_REFRESH_TOKEN_TTL,
    "mcp_auth_code_s": constants.MCP_AUTH_CODE_TTL,
    "mcp_access_token_s": constants.MCP_ACCESS_TOKEN_TTL,
    "mcp_refresh_token_s": constants.MCP_REFRESH_TOKEN_TTL,
    "index_buffer_s": constants.INDEX_TTL_BUFFER,
}


def test_lifetimes_are_actingwebs() -> None:
    """
    Both presets' defaults are the library's.
    """
    assert PRESET["lifetimes"] == LIFETIMES
    assert {name: getattr(postgres.Lifetimes(), name) for name in LIFETIMES} == LIFETIMES
    assert postgres.TTL_SKEW_S == constants.TTL_CLOCK_SKEW_BUFFER
    assert postgres.REUSE_S == constants.MCP_REFRESH_TOKEN_REUSE_WINDOW


def test_rules_name_actingwebs_buckets() -> None:
    """
    Partition, buckets of index rows and of their targets are where the library has them.
    """
    tokens, rules = Library("dynamodb").tokens, PRESET["rules"]
    targets = {
        rule["where"]["bucket"]: rule["target"]["where"]["bucket"]
        for rule in rules.values()
        if rule["kind"] == "orphan"
    }

    assert {rule["partition"] for rule in rules.values()} == {constants.OAUTH2_SYSTEM_ACTOR}
    assert targets == {
        constants.ACCESS_TOKEN_INDEX_BUCKET: tokens.tokens_bucket,
        constants.REFRESH_TOKEN_INDEX_BUCKET: tokens.refresh_tokens_bucket,
        constants.AUTH_CODE_INDEX_BUCKET: tokens.auth_codes_bucket,
    }
    assert rules["oauth_sessions"]["where"]["bucket"] == constants.OAUTH_SESSION_BUCKET
    for rule in rules.values():
        assert rule["sort_prefix"] == f"{rule['where']['bucket']}:"
        assert rule["secret_key"] is True
