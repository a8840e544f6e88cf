"""usage: hello_websocket_client.py client URL

The example of websocket-client that callback_client is the counterpart of.
"""

import sys

from websocket import WebSocketApp


def on_message(app, message):
    print(f"Received: {message}", flush=True)
    app.close(status=1000, reason="that was all")


WebSocketApp(
    sys.argv[2],
    on_open=lambda app: app.send("Hello, server!"),
    on_message=on_message,
    on_error=lambda _app, error: print(f"Error: {error!r}", flush=True),
    on_close=lambda _app, _code, _reason: print("Connection closed", flush=True),
).run_forever()
