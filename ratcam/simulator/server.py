"""The Bot API over HTTP: addresses, tokens, status codes and scripted faults."""

import asyncio
import hmac
import json
import socket
import struct

from aiohttp import web

from ratcam.simulator.arguments import Arguments
from ratcam.simulator.faults import Fault, FaultScript
from ratcam.simulator.incoming import read_arguments
from ratcam.simulator.journal import Call, Journal
from ratcam.simulator.json_types import JsonObject, JsonValue
from ratcam.simulator.limits import RateModel
from ratcam.simulator.methods import GET_UPDATES, check_call, execute, find_method
from ratcam.simulator.polling import Poller
from ratcam.simulator.refusal import ProtocolProblem, Refusal
from ratcam.simulator.shared import SharedModel

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on with no time: closing sends RST instead of FIN."""


class ApiServer:
    """The routes of the Bot API. Used on the server's loop only; `journal` is changed with the model held."""

    def __init__(
        self,
        *,
        token: str,
        shared: SharedModel,
        rates: RateModel,
        faults: FaultScript,
        journal: Journal,
        poller: Poller,
    ) -> None:
        self._token = token
        self._shared = shared
        self._rates = rates
        self._faults = faults
        self._journal = journal
        self._poller = poller

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve /bot<token>/<method> and /file/bot<token>/<path>."""
        for verb in ("GET", "POST"):
            router.add_route(verb, "/bot{token:[^/]+}/{method}", self._answer_call)
        router.add_get("/file/bot{token:[^/]+}/{path:.+}", self._answer_download)

    async def _answer_call(self, request: web.Request) -> web.StreamResponse:
        if not self._is_token(request):
            return _error(Refusal(401, "Unauthorized"))
        name = request.match_info["method"]
        with self._shared.read() as model:
            files = model.files
        arguments = Arguments({}, {})
        try:
            name = find_method(name).name
            arguments = await read_arguments(request, files)
        except Refusal as refusal:
            return self._refuse(name, arguments, refusal)
        fault = self._take_fault(name, arguments)
        try:
            if fault is not None and fault.when == "before":
                response = await self._fail(request, fault, name, arguments)
                if response is not None:
                    return response
            response = await self._carry_out(name, arguments)
            if fault is not None and fault.when == "after":
                return await self._fail(request, fault, name, None) or response
            return response
        finally:
            for upload in arguments.uploads.values():
                upload.path.unlink(missing_ok=True)  # a refused call leaves its files behind

    async def _carry_out(self, name: str, arguments: Arguments) -> web.Response:
        method = find_method(name)
        try:
            if name == GET_UPDATES:
                with self._shared.read() as model:
                    check_call(model, method, arguments)
                result: JsonValue = await self._poller.poll(arguments)
            else:
                with self._shared.change() as model:
                    check_call(model, method, arguments)
                    result = execute(model, self._rates, method, arguments)
        except Refusal as refusal:
            return self._refuse(name, arguments, refusal)
        self._write_down(name, arguments, status=200, result=result)
        return _json_response(200, {"ok": True, "result": result})

    async def _answer_download(self, request: web.Request) -> web.StreamResponse:
        if not self._is_token(request):
            return _error(Refusal(401, "Unauthorized"))
        with self._shared.note():
            fault = self._faults.take("download", None)
        if fault is not None and (response := await self._fail(request, fault, "download", None)) is not None:
            return response
        with self._shared.read() as model:
            file = model.files.at(request.match_info["path"])
        if file is None:
            return _error(Refusal(404, "Not Found"))
        return web.FileResponse(file.local_path, headers={"Content-Type": "application/octet-stream"})

    def _is_token(self, request: web.Request) -> bool:
        return hmac.compare_digest(request.match_info["token"].encode(), self._token.encode())

    def _take_fault(self, name: str, arguments: Arguments) -> Fault | None:
        try:
            chat = arguments.integer("chat_id")
        except Refusal:
            chat = None
        with self._shared.note():
            return self._faults.take(name, chat)

    async def _fail(
        self, request: web.Request, fault: Fault, name: str, arguments: Arguments | None
    ) -> web.Response | None:
        """What the client sees; None after a mere delay. A call that is not carried out comes with its arguments."""
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
            return None
        status = {"reset": 0, "not_ok": 200}.get(fault.kind, fault.status)
        if arguments is not None:
            self._write_down(name, arguments, status=status, description=f"scripted fault: {fault.description}")
        match fault.kind:
            case "reset":
                _break_connection(request)
                return web.Response()
            case "raw":
                return web.Response(status=fault.status, body=fault.body, headers={"Content-Type": fault.content_type})
            case "not_ok":
                return _json_response(200, {"ok": False, "description": fault.description})
            case "status":
                body: JsonObject = {"ok": False, "error_code": fault.status, "description": fault.description}
                if fault.parameters:
                    body["parameters"] = fault.parameters
                return _json_response(fault.status, body)

    def _refuse(self, name: str, arguments: Arguments, refusal: Refusal) -> web.Response:
        if isinstance(refusal, ProtocolProblem):
            with self._shared.change() as model:
                model.problems.append(f"{name}: {refusal.status} {refusal.description}")
        self._write_down(name, arguments, status=refusal.status, description=refusal.description)
        return _error(refusal)

    def _write_down(
        self, name: str, arguments: Arguments, *, status: int, result: JsonValue = None, description: str = ""
    ) -> None:
        call = Call(
            method=name,
            parameters=arguments.values,
            uploaded_bytes={field: upload.size_bytes for field, upload in arguments.uploads.items()},
            status=status,
            result=result,
            description=description,
        )
        with self._shared.note():
            self._journal.add(call)


def _break_connection(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def _error(refusal: Refusal) -> web.Response:
    body: JsonObject = {"ok": False, "error_code": refusal.status, "description": refusal.description}
    if refusal.parameters is not None:
        body["parameters"] = refusal.parameters
    return _json_response(refusal.status, body)


def _json_response(status: int, body: JsonObject) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")
