"""usage: deflate_parameters.py URL

Opens a connection for every combination of the four parameters of permessage-deflate (RFC 7692 §7.1), echoes messages over
each, and prints how many it were.
"""

import asyncio
import itertools
import os
import sys

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

# The second of two equal messages refers to the first where a window is kept; the noise is larger than every window.
MESSAGES = ["short", "again and again " * 5000, "again and again " * 5000, os.urandom(70_000), "", os.urandom(3) * 30_000]


async def main(url):
    passed = 0
    # A client says so without a number if it leaves the window to the server.
    for server_alone, client_alone, server_bits, client_bits in itertools.product(
        (False, True), (False, True), (None, 9, 12, 15), (None, True, 9, 12, 15)
    ):
        factory = ClientPerMessageDeflateFactory(
            server_no_context_takeover=server_alone,
            client_no_context_takeover=client_alone,
            server_max_window_bits=server_bits,
            client_max_window_bits=client_bits,
        )
        async with connect(url, proxy=None, compression=None, extensions=[factory]) as websocket:
            agreed = websocket.response.headers.get("Sec-WebSocket-Extensions", "nothing")
            if not agreed.startswith("permessage-deflate"):
                raise AssertionError(f"agreed on {agreed} for {factory.get_request_params()}")
            for message in MESSAGES:
                await websocket.send(message)
                if await websocket.recv() != message:
                    raise AssertionError(f"no echo of {message[:20]!r} with {agreed}")
        passed += 1
    print(f"passed {passed}", flush=True)


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 60))
