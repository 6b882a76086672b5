"""HTTP to a site: the key, retries, and problems turned into exceptions."""

from __future__ import annotations

import email.utils
import json
import os
import platform
import random
import ssl
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from types import MappingProxyType
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

from carrel._errors import (
    CarrelError,
    ConfigurationError,
    ConnectionFailed,
    NotFound,
    RateLimited,
    UnexpectedAnswer,
    class_for,
)
from carrel._wire import read

Model = TypeVar("Model", bound=BaseModel)

RETRIED = frozenset({429, 502, 503, 504})
LONGEST_PAUSE = 60.0
PIECE_SECONDS = 120.0
"""How much longer the answer to a piece of an upload may take: the site syncs its disk first."""
"""A site that asks for a longer pause than this gets none: the error is raised at once."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently to try again.

    The pause before the nth retry is random in (0, min(longest, first·2ⁿ⁻¹)] seconds ("full
    jitter", so that clients which failed together do not come back together), unless the site
    said how long with Retry-After.
    """

    retries: int = 4
    first: float = 0.25
    longest: float = 8.0
    sleep: Callable[[float], None] = field(default=time.sleep)

    def pause(self, failures: int) -> float:
        limit = min(self.longest, self.first * 2.0 ** (failures - 1))
        return limit * (1.0 - random.random())  # noqa: S311 (no secret)


class Http:
    """One site's API. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.url = _checked_url(url)
        self.timeout = timeout
        self._retry = retry or RetryPolicy()
        host = httpx.URL(self.url).host
        if self.url.startswith("http://") and host not in _LOOPBACK and transport is None:
            warnings.warn(
                f"{self.url} is not https: your API key and the answers can be read on the way.",
                stacklevel=3,
            )
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v1/",
            headers={
                "Authorization": f"Bearer {_checked_key(key)}",
                "Accept": "application/json, application/problem+json",
                "User-Agent": _user_agent(),
            },
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            transport=transport,
            # A proxy meant for the outside must not get in front of a site on this machine.
            trust_env=host not in _LOOPBACK,
        )

    def close(self) -> None:
        self._client.close()

    def get(
        self,
        path: str,
        model: type[Model],
        *,
        params: Mapping[str, Any] | None = None,
        patience: float = 0.0,
    ) -> Model:
        """GET. `patience` is how many seconds longer than usual the answer may take."""
        return read(model, self.document(path, params=params, patience=patience))

    def get_tagged(self, path: str, model: type[Model]) -> tuple[Model, str | None]:
        """GET, with the entity tag that a later edit has to name."""
        response = self._send("GET", path)
        return read(model, _json(response)), response.headers.get("etag")

    def document(
        self, path: str, *, params: Mapping[str, Any] | None = None, patience: float = 0.0
    ) -> Any:
        """GET, as plain JSON."""
        return _json(self._send("GET", path, params=params, patience=patience))

    def content(self, path: str) -> bytes:
        """GET, as bytes."""
        return self._send("GET", path).content

    def write(
        self,
        method: str,
        path: str,
        body: BaseModel | Mapping[str, Any] | None,
        model: type[Model],
        *,
        etag: str | None = None,
        repeatable: bool = True,
    ) -> Model:
        """A write, under one Idempotency-Key that all its retries carry.

        `repeatable=False` is for the few writes that the site does not remember (answers with a
        secret in them): those are retried only where the site cannot have seen them.
        """
        response = self._send(method, path, body=body, etag=etag, repeatable=repeatable)
        return read(model, _json(response))

    def piece(
        self,
        path: str,
        chunks: Callable[[], Iterator[bytes]],
        size: int,
        offset: int,
        model: type[Model],
    ) -> Model:
        """PATCH `size` bytes of an upload, from `offset` on. `chunks` gives them anew each try."""
        response = self._send(
            "PATCH",
            path,
            content=chunks,
            size=size,
            headers={"Upload-Offset": str(offset)},
            keyed=False,
            patience=PIECE_SECONDS,
        )
        return read(model, _json(response))

    def delete(self, path: str) -> None:
        """DELETE. What is gone already counts as deleted when an answer was lost on the way."""
        try:
            self._send("DELETE", path)
        except NotFound as error:
            if not error.unsure:
                raise

    def ask(self, path: str, body: BaseModel, model: type[Model]) -> Model:
        """A POST that changes nothing (a price): retried, and without a key."""
        return read(model, _json(self._send("POST", path, body=body, keyed=False)))

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: BaseModel | Mapping[str, Any] | None = None,
        content: Callable[[], Iterator[bytes]] | None = None,
        size: int = 0,
        etag: str | None = None,
        keyed: bool = True,
        repeatable: bool = True,
        patience: float = 0.0,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> httpx.Response:
        headers = dict(headers)
        sent = None if body is None else _encoded(body)
        if sent is not None:
            headers["Content-Type"] = "application/json"
        elif content is not None:
            headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        if method != "GET" and keyed:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        if etag is not None:
            headers["If-Match"] = etag if etag.startswith(('"', "W/")) else f'"{etag}"'
        query = {k: v for k, v in (params or {}).items() if v is not None}
        timeout = httpx.Timeout(self.timeout + patience, connect=min(self.timeout, 10.0))
        failures = 0
        unsure = False
        while True:
            request = self._client.build_request(
                method,
                path,
                params=query,
                content=sent if content is None else content(),
                headers=headers,
                timeout=timeout,
            )
            try:
                response = self._client.send(request)
            except (httpx.TransportError, httpx.DecodingError) as error:
                unseen = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                unsure = unsure or not unseen
                failures += 1
                final = failures > self._retry.retries or not _worth_retrying(error)
                if final or not (repeatable or unseen):
                    raise _connection_failed(self.url, error) from error
                self._retry.sleep(self._retry.pause(failures))
                continue
            except httpx.HTTPError as error:
                raise _connection_failed(self.url, error) from error
            if response.is_success:
                return response
            failures += 1
            asked = _retry_after(response)
            if (
                response.status_code in RETRIED
                and failures <= self._retry.retries
                and (asked is None or asked <= LONGEST_PAUSE)
                and (repeatable or response.status_code == 429)
            ):
                pause = self._retry.pause(failures)
                self._retry.sleep(pause if asked is None else asked + pause / 10)
                unsure = unsure or response.status_code != 429
                continue
            refusal = problem(response, asked)
            refusal.unsure = unsure
            raise refusal


def problem(response: httpx.Response, retry_after: float | None = None) -> CarrelError:
    """The exception for an answer that is no success."""
    status = response.status_code
    if response.is_redirect:
        return UnexpectedAnswer(
            f"{response.request.url} redirects to {response.headers.get('location')}.",
            advice="Give carrel.connect the address it redirects to, if that is the site's.",
            status_code=status,
        )
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or "status" not in document:
        kind = class_for(None, status) if status in RETRIED else UnexpectedAnswer
        return kind(
            f"{response.request.url} answered {status} {response.reason_phrase} "
            "without saying why.",
            status_code=status,
            request_id=response.headers.get("x-request-id"),
        )
    code = document.get("code")
    code = code if isinstance(code, str) else None
    errors = document.get("errors")
    error = class_for(code, status)(
        str(document.get("detail") or document.get("title") or f"HTTP {status}"),
        advice=document.get("advice") or None,
        status_code=status,
        code=code,
        request_id=document.get("request_id") or response.headers.get("x-request-id"),
        errors=tuple(e for e in errors if isinstance(e, dict)) if isinstance(errors, list) else (),
    )
    if isinstance(error, RateLimited):
        error.retry_after = retry_after
    return error


def _encoded(body: BaseModel | Mapping[str, Any]) -> bytes:
    if isinstance(body, BaseModel):
        # What was left out stays out, so that a site can tell it from an explicit null.
        return body.model_dump_json(exclude_none=True).encode()
    return json.dumps(body).encode()


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        content_type = response.headers.get("content-type", "nothing")
        raise UnexpectedAnswer(
            f"{response.request.url} answered {content_type} where JSON was expected.",
            status_code=response.status_code,
        ) from None


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, from Retry-After's seconds or date (RFC 9110, §10.2.3); None if there is none."""
    value = response.headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())


def _worth_retrying(error: Exception) -> bool:
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return False
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return False
        cause = cause.__cause__ or cause.__context__
    return True


def _connection_failed(url: str, error: Exception) -> ConnectionFailed:
    said = str(error) or type(error).__name__
    return ConnectionFailed(f"No answer from {url}: {said}")


def _checked_url(url: str) -> str:
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"{url!r} is no URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(
            f"{url!r} is no site's address.", advice="Write it as https://carrel.example.org"
        )
    if parsed.userinfo:
        raise ConfigurationError("The URL must not carry a user name or password.")
    return str(parsed.copy_with(query=None, fragment=None)).rstrip("/").removesuffix("/api/v1")


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("The API key has characters that no key has; copy it again.")
    return key


def _user_agent() -> str:
    return f"carrel/{metadata.version('carrel')} python/{platform.python_version()}"


def setting(name: str) -> str | None:
    """An environment variable; None when it is missing or empty."""
    return os.environ.get(name) or None
