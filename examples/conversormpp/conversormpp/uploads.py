"""What may be uploaded: Project files, told by their name and their first bytes, up to a size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from conversormpp.settings import MEBIBYTE

SIGNATURES = {".mpp": b"\xd0\xcf\x11\xe0", ".mpx": b"MPX", ".xml": b"<"}
FORM_ALLOWANCE = 64 * 1024  # bytes that the form's other parts may add to the file
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Upload:
    filename: str
    content: bytes
    format: str


async def read_upload(request: Request, max_bytes: int) -> Upload:
    """The form's `file` and `format`. Raises HTTPException: 400, 411, 413 or 415."""
    length = request.headers.get("content-length")
    if length is None:
        raise HTTPException(411, "the upload needs a Content-Length")
    if int(length) > max_bytes + FORM_ALLOWANCE:
        raise HTTPException(413, f"the file is larger than {max_bytes // MEBIBYTE} MB")
    async with request.form(max_files=1, max_fields=5) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise HTTPException(400, "the form needs a file named 'file'")
        name = PurePath((file.filename or "").replace("\\", "/")).name
        upload = Upload(name, await file.read(), str(form.get("format", "")).lower())
    _check_type(upload)
    return upload


def _check_type(upload: Upload) -> None:
    suffix = PurePath(upload.filename).suffix.lower()
    if suffix not in SIGNATURES:
        raise HTTPException(415, f"a Project file ends in {', '.join(SIGNATURES)}, not in {suffix or 'nothing'}")
    if not upload.content.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(SIGNATURES[suffix]):
        raise HTTPException(415, f"the content is not that of a {suffix} file")
