"""
Where our cleanup and ActingWeb's own end differently on the same rows, and why.

Each key is a row's label (``thing | credential | bucket``); the tests ask for these differences
and for no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSAID = "nothing in it says when it ends: it is kept and counted as unknown, not taken for old"
SKEW = "over for seconds only: clocks may differ by a minute, the next run takes it"
PROVIDER = "belongs to a token that goes; ActingWeb leaves it to the table's TTL"
CODE_PROVIDER = "belongs to a code that goes; ActingWeb removes it with an access token only"
PAST_TTL = "past its ttl_timestamp; ActingWeb leaves that to the table's TTL"

ONLY_ACTINGWEB: Mapping[str, str] = {
    "session, just over | session | _oauth_sessions": SKEW,
    "session without a time | odd | _oauth_sessions": UNSAID,
    "browser's token without expiry | odd | spa_access_tokens": UNSAID,
    "index row without data | odd | _access_token_index": UNSAID,
    "token without expiry | odd | mcp_tokens": UNSAID,
    "token without expiry | odd | _access_token_index": UNSAID,
}
ONLY_OURS: Mapping[str, str] = {
    "browser's refresh, used and past its TTL | spa refresh | spa_refresh_tokens": PAST_TTL,
    "client, past its TTL | access | mcp_google_tokens": PROVIDER,
    "client, and its index past their TTL | access | mcp_google_tokens": PROVIDER,
    "client, 30 days | access | mcp_google_tokens": PROVIDER,
    "client, 30 days, past its TTL | access | mcp_google_tokens": PROVIDER,
    "client, 31 days | access | mcp_google_tokens": PROVIDER,
    "code, 12 minutes | code | mcp_google_tokens": CODE_PROVIDER,
    "code, past its TTL | code | mcp_google_tokens": CODE_PROVIDER,
    "code, and its index past their TTL | code | mcp_google_tokens": CODE_PROVIDER,
}

STILL_TOLD = "ActingWeb keeps it too: only its own expiry or TTL ends it"
OF_NO_USE_BUT_LEFT: Mapping[str, str] = {
    "session, just over | session | _oauth_sessions": SKEW,
    "browser's refresh, used 2 days ago | spa refresh | spa_refresh_tokens": STILL_TOLD,
    "browser's refresh, marked used 3 days ago | spa refresh | spa_refresh_tokens": STILL_TOLD,
}

ONLY_ACTINGWEB_IN_POSTGRES: Mapping[str, str] = {
    **ONLY_ACTINGWEB,
    "index row with a number | odd | _access_token_index": "an actor's id is text: kept as unknown",
}
ONLY_OURS_IN_POSTGRES: Mapping[str, str] = {
    "code, 12 minutes | code | mcp_google_tokens": CODE_PROVIDER,
}
OF_NO_USE_BUT_LEFT_IN_POSTGRES = OF_NO_USE_BUT_LEFT
