"""usage: python websockets_peer.py --port N --mode echo|tls|deflate|fanout [--cert FILE --key FILE]"""

import asyncio

import arguments
import uvloop
from websockets.asyncio.server import broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

subscribers = set()


async def echo(websocket):
    try:
        async for message in websocket:
            await websocket.send(message)
    except ConnectionClosed:
        pass


async def fan_out(websocket):
    try:
        if websocket.request.path == "/sub":
            subscribers.add(websocket)
            await websocket.wait_closed()
        else:
            async for message in websocket:
                broadcast(subscribers, message)
    except ConnectionClosed:
        pass
    finally:
        subscribers.discard(websocket)


def deflate():
    return ServerPerMessageDeflateFactory(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        compress_settings={"level": 6, "memLevel": 8},
    )


async def main():
    options = arguments.parse(["echo", "tls", "deflate", "fanout"])
    server = await serve(
        fan_out if options.mode == "fanout" else echo,
        "127.0.0.1",
        options.port,
        compression=None,
        extensions=[deflate()] if options.mode == "deflate" else None,
        max_size=arguments.MAX_SIZE,
        backlog=arguments.BACKLOG,
        ssl=arguments.tls(options),
    )
    arguments.ready()
    await server.serve_forever()


uvloop.run(main())
