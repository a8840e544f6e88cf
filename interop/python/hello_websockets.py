"""usage: hello_websockets.py server | client URL

The other end of the callback examples: says hello, prints what it is told and closes.
"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def greet(websocket, greeting):
    await websocket.send(greeting)
    print(f"Received: {await websocket.recv()}", flush=True)
    await websocket.close(1000, "that was all")
    print("Connection closed", flush=True)


async def server():
    async with serve(lambda websocket: greet(websocket, "Hello, client!"), "127.0.0.1", 0) as listener:
        host, port = listener.sockets[0].getsockname()
        print(f"Listening on {host}:{port}", flush=True)
        await listener.serve_forever()


async def client(url):
    async with connect(url, proxy=None) as websocket:
        await greet(websocket, "Hello, server!")


asyncio.run(server() if sys.argv[1] == "server" else client(sys.argv[2]))
