"""
Fast listings: whatever a page looks like, they say what boto3 says.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from expiry import clients, listing

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBERS = ("Key", "LastModified", "ETag", "Size")
ETAG = "&quot;9b2cf535f27731c974343645a3985328-2&quot;"
TIME = "2026-01-05T10:00:00.000Z"
OTHERS = (
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>",
    "<Owner><ID>x</ID><DisplayName>Key</DisplayName></Owner>",
    "<StorageClass>STANDARD</StorageClass>",
    "\n  ",
)


class _Body(io.BytesIO):
    """The part of urllib3's response that botocore reads."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Page:
    """What the service answers, and how often it was asked."""

    body: str = ""
    status: int = 200
    asked: int = 0

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        """Answer any request."""
        self.asked += 1
        headers = HTTPHeaders.from_dict({"Content-Type": "application/xml"})
        return AWSResponse(request.url, self.status, headers, _Body(self.body.encode()))


PAGE = Page()


@cache
def a_client(*, fast: bool) -> Any:
    """Return boto3's client, whose requests go no further than here."""
    made: Any = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106 - nobody's
        config=Config(retries={"total_max_attempts": 1}),
    )
    made.meta.events.register("before-send.s3.ListObjectsV2", PAGE.answer)
    return listing.read_fast(made) if fast else made


def page_of(*contents: str, more: str = "") -> str:
    """Return a page as S3 writes it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
        "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        f"<NextContinuationToken>a+b=&amp;</NextContinuationToken>{''.join(contents)}{more}"
        "<CommonPrefixes><Prefix>p/%C3%A9+/</Prefix></CommonPrefixes></ListBucketResult>"
    )


def contents(key: str = "k", etag: str = ETAG, time: str = TIME, size: str = "7") -> str:
    """Return an object as S3 writes it."""
    members = f"<Key>{key}</Key><LastModified>{time}</LastModified><ETag>{etag}</ETag>"
    return f"<Contents>{members}<Size>{size}</Size></Contents>"


def read(body: str, *, fast: bool) -> Any:
    """Return what a client makes of a page, or the error that it ends in."""
    PAGE.body = body
    try:
        answer = a_client(fast=fast).list_objects_v2(Bucket="b")
    except (ClientError, ValueError) as error:
        return type(error), str(error)
    objects = [{name: each.get(name) for name in MEMBERS} for each in answer.get("Contents", ())]
    rest = {
        name: answer.get(name) for name in answer if name not in {"Contents", "ResponseMetadata"}
    }
    return objects, rest


@st.composite
def objects(draw: st.DrawFn) -> str:
    """Write an object with its members in any order, and others in between."""
    key = draw(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
    etag = draw(st.sampled_from([ETAG, ETAG.replace("&quot;", '"'), "a&amp;b", "&lt;&apos;"]))
    second, thousandth = draw(st.integers(0, 59)), draw(st.integers(0, 999))
    parts = [
        f"<Key>{draw(st.sampled_from([quote(key), escape(key)]))}</Key>",
        f"<LastModified>2026-01-05T10:00:{second:02}.{thousandth:03}Z</LastModified>",
        f"<ETag>{etag}</ETag>",
        f"<Size>{draw(st.integers(0, 5 * 2**40))}</Size>",
        *draw(st.lists(st.sampled_from(OTHERS))),
    ]
    return f"<Contents>{''.join(draw(st.permutations(parts)))}</Contents>"


@given(st.lists(objects(), max_size=4))
def test_page_read_fast_says_what_boto3_says(found: list[str]) -> None:
    """Key, time, ETag and size of each object, and all the rest of the page."""
    body = page_of(*found)

    assert read(body, fast=True) == read(body, fast=False)


@pytest.mark.parametrize(
    "body",
    [
        page_of(contents(), f"<!-- {contents('gone')} -->"),
        page_of(contents("a&amp;b&lt;%26")),
        page_of(contents("<![CDATA[a<b]]>")),
        page_of(contents("a&#128;b")),
        page_of(contents("a\r\nb")),
        page_of(contents().replace("<Size>7</Size>", "")),
        page_of(contents(time="2026-01-05T10:00:00")),
        page_of(contents(time="2026-01-05T10:00:00+02:00")),
        page_of(contents(time="Mon, 05 Jan 2026 10:00:00 GMT")),
        page_of(contents().replace("<Key>", '<Key xml:space="preserve">')),
        page_of(contents().replace("<Contents>", '<Contents xml:space="preserve">'), contents()),
        page_of(),
    ],
    ids=[
        "comment",
        "entities",
        "cdata",
        "number",
        "line end",
        "member missing",
        "no zone",
        "other zone",
        "other time",
        "attribute",
        "attribute of one",
        "empty",
    ],
)
def test_page_unlike_s3s_is_left_to_boto3(body: str) -> None:
    """What is not exactly as expected is read slowly, and not otherwise."""
    assert read(body, fast=True) == read(body, fast=False)


@pytest.mark.parametrize(
    "body",
    [
        page_of(contents(), contents())[:-30],
        page_of(contents(), contents()[:-20]),
        page_of(contents(size="many")),
        "<Error><Code>SlowDown</Code><Message>m</Message></Error>",
    ],
    ids=["cut off", "cut off in an object", "no number", "error in HTTP 200"],
)
def test_page_that_is_none_is_an_error_as_with_boto3(body: str) -> None:
    """Half a page, or an error in its place, never passes for a short listing."""
    slow = read(body, fast=False)

    assert isinstance(slow[0], type)
    assert read(body, fast=True) == slow


def test_listing_client_reads_s3s_pages_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual page takes the fast way: only the members that we use are there."""
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-west-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials it once found
    made: Any = clients.s3_listing()
    made.meta.events.register("before-send.s3.ListObjectsV2", PAGE.answer)
    PAGE.body = page_of(contents("p/%C3%A9+%01").replace("</Size>", f"</Size>{OTHERS[2]}"))
    fast, slow = (each.list_objects_v2(Bucket="b") for each in (made, a_client(fast=False)))

    assert fast["Contents"][0]["Key"] == "p/é \x01"
    assert set(fast["Contents"][0]) == set(MEMBERS)
    assert set(slow["Contents"][0]) == {*MEMBERS, "StorageClass"}
