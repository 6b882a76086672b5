"""What datasets refuse."""

from types import MappingProxyType

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class DatasetNotReady(SiteError):
    status, code, title = 409, ErrorCode.DATASET_NOT_READY, "Dataset not ready"
    advice = "The owner has to upload a version that fits the current columns; ask them."


class NameTaken(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "Name taken"
    advice = "Choose another name."


class UnitColumnFixed(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "The unit column is fixed"
    advice = "Register a new dataset in the same population: its accounts carry over."


class UploadsBusy(SiteError):
    status, code, title = 429, ErrorCode.RATE_LIMITED, "Too many uploads at once"
    advice = "Try again when another upload has ended."


class UploadEmpty(SiteError):
    status, code, title = 422, ErrorCode.INVALID_INPUT, "Empty upload"
    advice = "Send the file's bytes as the request's body."


class UploadBusy(SiteError):
    """Another piece of the same upload is arriving, perhaps over a connection that is dead."""

    status, code, title = 429, ErrorCode.RATE_LIMITED, "A piece is arriving"
    advice = "Wait until it has arrived or its connection has ended; then go on at its offset."
    headers = MappingProxyType({"Retry-After": "2"})


class UploadEnded(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "The upload has ended"
    advice = "Begin a new upload."


class UploadAtAnotherOffset(SiteError):
    """The piece does not begin where the last one ended, or the file is not whole yet."""

    status, code, title = 409, ErrorCode.UPLOAD_OFFSET, "Another offset is expected"

    def __init__(self, detail: str, offset: int) -> None:
        super().__init__(
            detail,
            advice=f"Go on from byte {offset}.",
            errors=({"loc": "Upload-Offset", "message": "expected", "offset": offset},),
        )
        self.headers = MappingProxyType({"Upload-Offset": str(offset)})


class ChecksumMismatch(SiteError):
    status, code, title = 422, ErrorCode.CHECKSUM_MISMATCH, "The bytes are not those announced"


class StorageFull(SiteError):
    status, code, title = 507, ErrorCode.STORAGE_FULL, "The disk is full"
    advice = (
        "Free space on the disk that CARREL_STORAGE_DIR is on; an upload in pieces then goes on "
        "from where it is."
    )


class TermsNotAccepted(SiteError):
    status, code, title = 403, ErrorCode.TERMS_NOT_ACCEPTED, "The terms are not accepted"


class TermsChanged(SiteError):
    status, code, title = 409, ErrorCode.CONTENT_CHANGED, "The terms were changed"
    advice = "Read the present terms, and accept those."
