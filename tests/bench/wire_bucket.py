"""
A large bucket that exists only on the wire.

boto3's real client asks for listings and parses them; only the socket is missing. All pages have
the same objects, made once, so the CPU and the memory that are measured are the client's.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "uploads-bench"
PAGE = 1_000
OBJECT = (
    "<Contents><Key>uploads/2026-01-05/6f1c1a52-7a34-4d0e-9d6c-{number:012}.mp4</Key>"
    "<LastModified>2026-01-05T10:{minute:02}:{second:02}.000Z</LastModified>"
    "<ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag>"
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
    "<Size>{number}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class _Body(io.BytesIO):
    """The part of urllib3's response that botocore reads."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _page() -> str:
    return "".join(OBJECT.format(number=n, minute=n // 60 % 60, second=n % 60) for n in range(PAGE))


@dataclass
class WireBucket:
    """A bucket of so many objects."""

    objects: int
    calls: int = 0
    contents: str = field(default_factory=_page)

    def listen(self, client: Any) -> Any:
        """Answer what *client* sends; return it."""
        client.meta.events.register("before-send.s3.ListObjectsV2", self._answer)
        return client

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.calls += 1
        asked = parse_qs(urlsplit(request.url).query)
        listed = int(asked.get("continuation-token", ["0"])[0]) + PAGE
        more = listed < self.objects
        token = f"<NextContinuationToken>{listed}</NextContinuationToken>" if more else ""
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="{NAMESPACE}">'
            f"<Name>{NAME}</Name><Prefix/><KeyCount>{PAGE}</KeyCount><MaxKeys>{PAGE}</MaxKeys>"
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token}{self.contents}</ListBucketResult>"
        )
        headers = HTTPHeaders.from_dict({"Content-Type": "application/xml"})
        return AWSResponse(request.url, 200, headers, _Body(body.encode()))
