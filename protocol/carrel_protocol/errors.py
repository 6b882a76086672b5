"""Stable error codes and the problem document (RFC 9457) that carries them."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from carrel_protocol.base import Received


class ErrorCode(StrEnum):
    """What went wrong, for programs. Codes are never renamed or reused."""

    INVALID_INPUT = "invalid_input"
    UNAUTHENTICATED = "unauthenticated"
    ACCOUNT_DEACTIVATED = "account_deactivated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition_failed"
    PRECONDITION_REQUIRED = "precondition_required"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    QUERY_NOT_ALLOWED = "query_not_allowed"
    BUDGET_EXCEEDED = "budget_exceeded"
    NO_BUDGET = "no_budget"
    KIND_PAUSED = "kind_paused"
    KIND_NOT_ALLOWED = "kind_not_allowed"
    ENVIRONMENT_NOT_READY = "environment_not_ready"
    OUTPUT_CHANGED = "output_changed"
    REVIEW_REQUIRED = "review_required"
    NOT_REVIEWER = "not_reviewer"
    INVALID_TRANSITION = "invalid_transition"
    CONTENT_CHANGED = "content_changed"
    DATASET_NOT_READY = "dataset_not_ready"
    TERMS_NOT_ACCEPTED = "terms_not_accepted"
    UPLOAD_OFFSET = "upload_offset"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    STORAGE_FULL = "storage_full"
    CLAIM_LOST = "claim_lost"
    SETUP_DONE = "setup_done"
    CSRF_FAILED = "csrf_failed"
    LINK_INVALID = "link_invalid"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    GROUP_IN_USE = "group_in_use"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class Problem(Received):
    """application/problem+json. `detail` says what happened and `advice` what to do next."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    advice: str | None = None
    instance: str | None = None
    request_id: str | None = None
    errors: tuple[dict[str, Any], ...] = Field(default=())
    """Where it happened: {"loc": "…", "message": "…"}, or for SQL {"line", "column", "message"}."""
