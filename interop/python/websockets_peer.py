"""usage: websockets_peer.py server | client URL CASE…"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

import content


async def handle(websocket):
    path = websocket.request.path
    try:
        if path == "/ping":
            pong = await websocket.ping("from the server")
        async for message in websocket:
            if path == "/fragments":
                await websocket.send(content.fragments(message))
            elif path == "/ping" and message == "next":
                await asyncio.wait_for(pong, 10)
                await websocket.send("pong seen")
            elif path == "/close-by-server":
                await websocket.close(*content.SERVER_IS_DONE)
            else:
                await websocket.send(message)
    finally:
        content.closed(path, websocket.close_code, websocket.close_reason)


def select_subprotocol(_connection, offered):
    # Given a list, websockets refuses a client that offers none of them.
    return content.SUBPROTOCOL if content.SUBPROTOCOL in offered else None


async def server():
    async with serve(handle, "127.0.0.1", 0, select_subprotocol=select_subprotocol) as listener:
        content.listening(*listener.sockets[0].getsockname())
        await listener.serve_forever()


async def run(websocket, case):
    for message in content.ECHOED.get(case, []):
        await websocket.send(message)
        content.expect(await websocket.recv(), message, "echo")
    if case == "fragments":
        await websocket.send(content.fragments(content.MEBIBYTE))
        content.expect(await websocket.recv(), content.MEBIBYTE, "echo")
    elif case == "ping":
        pong = await websocket.ping("from the client")
        await websocket.send("first")
        content.expect(await websocket.recv(), "first", "echo")
        await asyncio.wait_for(pong, 10)
        await websocket.send("next")
        content.expect(await websocket.recv(), "pong seen", "answer")
    elif case == "subprotocol":
        content.expect(websocket.subprotocol, content.SUBPROTOCOL, "subprotocol")
    elif case == "close-by-client":
        await websocket.close(*content.CLIENT_IS_DONE)
        content.expect(websocket.close_code, content.CLIENT_IS_DONE[0], "close code in the answer")
    elif case == "close-by-server":
        await websocket.send("please close")
        try:
            await websocket.recv()
        except ConnectionClosed as closed:
            content.expect((closed.rcvd.code, closed.rcvd.reason), content.SERVER_IS_DONE, "close frame")


async def client(url, cases):
    for case in cases:
        try:
            offered = ["chat.v2", content.SUBPROTOCOL] if case == "subprotocol" else None
            async with asyncio.timeout(30), connect(f"{url}/{case}", subprotocols=offered, proxy=None) as websocket:
                await run(websocket, case)
            content.outcome(case)
        except Exception as error:
            content.outcome(case, error)


asyncio.run(server() if sys.argv[1] == "server" else client(sys.argv[2], sys.argv[3:]))
