"""Signing requests to S3-compatible stores: AWS Signature Version 4, whole payload in one piece.

Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. The digest of the payload is part of what is
signed, so a server refuses a request whose body changed on the way.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from paquebot.credentials import Secret

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Question:
    """One request before it is signed: `path` is quoted already, `Host` is among the headers."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one account and region."""

    access_key: str
    secret_key: Secret
    region: str

    def signed(self, question: Question, now: datetime) -> dict[str, str]:
        """The headers of `question` with the signature."""
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        known = {**question.headers, "x-amz-content-sha256": question.payload_sha256, "x-amz-date": moment}
        signed = sorted((name.lower(), " ".join(value.split())) for name, value in known.items())
        names = ";".join(name for name, _ in signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed)
        request = "\n".join([question.method, question.path, written(question.query), lines, names, question.payload_sha256])
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        signature = hmac.new(self._key(moment[:8]), to_sign.encode(), hashlib.sha256).hexdigest()
        credential = f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**known, "Authorization": credential}

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key.reveal()}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def written(query: Mapping[str, str]) -> str:
    """A query as it is signed and sent: sorted, every value quoted."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items()))
