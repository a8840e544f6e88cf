"""usage: aiohttp_peer.py server | client URL CASE…

aiohttp sends every message in one frame: there is no API for fragments. It receives them.
"""

import asyncio
import sys

import aiohttp
from aiohttp import WSMsgType, web

import content


async def handle(request):
    # Pings are answered by hand in the case that wants to see pongs, for otherwise aiohttp keeps them to itself.
    autoping = request.path != "/ping"
    websocket = web.WebSocketResponse(protocols=[content.SUBPROTOCOL], autoping=autoping)
    await websocket.prepare(request)
    if not autoping:
        await websocket.ping(b"from the server")
    pong_seen = False
    while True:
        message = await websocket.receive()
        if message.type == WSMsgType.TEXT and request.path == "/ping" and message.data == "next":
            await websocket.send_str("pong seen" if pong_seen else "no pong seen")
        elif message.type == WSMsgType.TEXT and request.path == "/close-by-server":
            code, reason = content.SERVER_IS_DONE
            await websocket.close(code=code, message=reason.encode())
            content.closed(request.path, websocket.close_code, "")
            break
        elif message.type == WSMsgType.TEXT:
            await websocket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await websocket.send_bytes(message.data)
        elif message.type == WSMsgType.PING:
            await websocket.pong(message.data)
        elif message.type == WSMsgType.PONG:
            pong_seen = message.data == b"from the server"
        elif message.type == WSMsgType.CLOSE:
            content.closed(request.path, message.data, message.extra)
            break
        else:
            print(f"broken {request.path} {message}", flush=True)
            break
    return websocket


async def server():
    application = web.Application()
    application.router.add_get("/{case}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    content.listening(*runner.addresses[0])
    await asyncio.Event().wait()


async def echoed(websocket, message):
    await (websocket.send_str(message) if isinstance(message, str) else websocket.send_bytes(message))
    answer = await websocket.receive()
    wanted = WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY
    content.expect((answer.type, answer.data), (wanted, message), "echo")


async def ping(websocket):
    await websocket.ping(b"from the client")
    await websocket.send_str("first")
    seen = []
    while WSMsgType.TEXT not in seen:
        message = await websocket.receive()
        seen.append(message.type)
        if message.type == WSMsgType.PING:
            content.expect(message.data, b"from the server", "ping")
            await websocket.pong(message.data)
        elif message.type == WSMsgType.PONG:
            content.expect(message.data, b"from the client", "pong")
    content.expect(sorted(seen), sorted([WSMsgType.PING, WSMsgType.PONG, WSMsgType.TEXT]), "frames")
    await websocket.send_str("next")
    content.expect((await websocket.receive()).data, "pong seen", "answer")


async def run(websocket, case):
    for message in content.ECHOED.get(case, []):
        await echoed(websocket, message)
    if case == "fragments":
        await echoed(websocket, content.MEBIBYTE)
    elif case == "ping":
        await ping(websocket)
    elif case == "subprotocol":
        content.expect(websocket.protocol, content.SUBPROTOCOL, "subprotocol")
    elif case == "close-by-client":
        code, reason = content.CLIENT_IS_DONE
        await websocket.close(code=code, message=reason.encode())
        content.expect(websocket.close_code, code, "close code in the answer")
    elif case == "close-by-server":
        await websocket.send_str("please close")
        answer = await websocket.receive()
        content.expect((answer.type, answer.data, answer.extra), (WSMsgType.CLOSE, *content.SERVER_IS_DONE), "close frame")


async def client(url, cases):
    async with aiohttp.ClientSession() as session:
        for case in cases:
            try:
                protocols = ["chat.v2", content.SUBPROTOCOL] if case == "subprotocol" else []
                connecting = session.ws_connect(f"{url}/{case}", protocols=protocols, compress=15, autoping=case != "ping")
                async with asyncio.timeout(30), connecting as websocket:
                    await run(websocket, case)
                content.outcome(case)
            except Exception as error:
                content.outcome(case, error)


asyncio.run(server() if sys.argv[1] == "server" else client(sys.argv[2], sys.argv[3:]))
