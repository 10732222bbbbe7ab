"""From an HTTP request to the parameters of a call: query, form, JSON or multipart; files go to disk as they come."""

import json

from aiohttp import BodyPartReader, web

from ratcam.simulator.arguments import Arguments
from ratcam.simulator.files import FileStore, Upload
from ratcam.simulator.json_types import JsonValue
from ratcam.simulator.limits import MAX_UPLOAD_BYTES
from ratcam.simulator.refusal import ProtocolProblem, Refusal

_CHUNK_BYTES = 1 << 16
_MAX_TEXT_PART_BYTES = 1 << 20


async def read_arguments(request: web.Request, files: FileStore) -> Arguments:
    """Read a whole request.

    Raises:
        Refusal: the body cannot be read, or its files are over 50 MB together (413).
    """
    values: dict[str, JsonValue] = dict(request.query)
    uploads: dict[str, Upload] = {}
    match request.content_type:
        case "multipart/form-data":
            await _read_multipart(request, files, values, uploads)
        case "application/json":
            values |= await _read_json(request)
        case "application/x-www-form-urlencoded":
            values |= {name: str(value) for name, value in (await request.post()).items()}
        case other:
            if request.can_read_body:
                raise ProtocolProblem(400, f"the simulator does not read a body of type {other}")
    return Arguments(values, uploads)


async def _read_json(request: web.Request) -> dict[str, JsonValue]:
    try:
        body: JsonValue = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise ProtocolProblem(400, "can't parse the request body as a JSON object") from error
    if not isinstance(body, dict):
        raise ProtocolProblem(400, "can't parse the request body as a JSON object")
    return body


async def _read_multipart(
    request: web.Request, files: FileStore, values: dict[str, JsonValue], uploads: dict[str, Upload]
) -> None:
    left_bytes = MAX_UPLOAD_BYTES
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise ProtocolProblem(400, "a part of the multipart body has no name")
        if part.filename is None:
            values[part.name] = (await _read_text(part)).decode("utf-8", errors="replace")
            continue
        upload = await _read_file(part, files, left_bytes)
        left_bytes -= upload.size_bytes
        if left_bytes >= 0:
            uploads[part.name] = upload
    if left_bytes < 0:
        raise Refusal(413, "Request Entity Too Large")


async def _read_text(part: BodyPartReader) -> bytes:
    body = bytearray()
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        body += chunk
        if len(body) > _MAX_TEXT_PART_BYTES:
            raise Refusal(413, "Request Entity Too Large")
    return bytes(body)


async def _read_file(part: BodyPartReader, files: FileStore, limit_bytes: int) -> Upload:
    """Read to the end even past the limit: a client that is still sending would not see the refusal."""
    path = files.new_path()
    size_bytes = 0
    with path.open("wb") as out:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes <= limit_bytes:
                out.write(chunk)
    if size_bytes > limit_bytes:
        path.unlink()
    return Upload(
        field=part.name or "",
        file_name=part.filename or "",
        mime_type=part.headers.get("Content-Type", ""),
        path=path,
        size_bytes=size_bytes,
    )
