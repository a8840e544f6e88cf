"""usage: python picows_peer.py --port N --mode echo|tls|fanout [--cert FILE --key FILE]"""

import arguments
import uvloop
from picows import WSListener, WSMsgType, ws_create_server

subscribers = set()


class Closing(WSListener):
    # They log by default, and a benchmark has full buffers by design.
    def pause_writing(self):
        pass

    def resume_writing(self):
        pass

    def answer_close(self, transport, frame):
        transport.send_close(frame.get_close_code(), frame.get_close_message())
        transport.disconnect()


class Echo(Closing):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            self.answer_close(transport, frame)
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview(), frame.fin)


class Subscriber(Closing):
    def on_ws_connected(self, transport):
        subscribers.add(transport)

    def on_ws_disconnected(self, transport):
        subscribers.discard(transport)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            self.answer_close(transport, frame)


class Publisher(Closing):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            self.answer_close(transport, frame)
        else:
            # A transport that cannot send at once keeps the payload, so it must outlive the frame.
            payload = frame.get_payload_as_bytes()
            for subscriber in subscribers:
                subscriber.send(frame.msg_type, payload, frame.fin)


async def main():
    options = arguments.parse(["echo", "tls", "fanout"])

    def listener(request):
        if options.mode != "fanout":
            return Echo()
        return Subscriber() if request.path == b"/sub" else Publisher()

    server = await ws_create_server(
        listener,
        "127.0.0.1",
        options.port,
        max_frame_size=arguments.MAX_SIZE,
        websocket_handshake_timeout=None,
        backlog=arguments.BACKLOG,
        ssl=arguments.tls(options),
    )
    arguments.ready()
    await server.serve_forever()


uvloop.run(main())
