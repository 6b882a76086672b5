"""What datasets refuse."""

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
