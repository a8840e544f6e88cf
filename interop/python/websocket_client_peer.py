"""usage: websocket_client_peer.py client URL CASE…

The library websocket-client has no server and no permessage-deflate.
"""

import struct
import sys

from websocket import ABNF, create_connection

import content


def receive(websocket):
    opcode, data = websocket.recv_data()
    return data.decode() if opcode == ABNF.OPCODE_TEXT else data


def send_in_fragments(websocket, message):
    parts = content.fragments(message)
    for index, part in enumerate(parts):
        opcode = ABNF.OPCODE_CONT if index else ABNF.OPCODE_BINARY
        websocket.send_frame(ABNF.create_frame(part, opcode, fin=int(index == len(parts) - 1)))


def ping(websocket):
    websocket.ping("from the client")
    websocket.send("first")
    seen = {}
    while ABNF.OPCODE_TEXT not in seen:
        # A ping is answered before it is handed out.
        opcode, frame = websocket.recv_data_frame(control_frame=True)
        seen[opcode] = frame.data
    wanted = {
        ABNF.OPCODE_PING: b"from the server",
        ABNF.OPCODE_PONG: b"from the client",
        ABNF.OPCODE_TEXT: b"first",
    }
    content.expect(seen, wanted, "frames")
    websocket.send("next")
    content.expect(receive(websocket), "pong seen", "answer")


def run(websocket, case):
    for message in content.ECHOED.get(case, []):
        websocket.send(message) if isinstance(message, str) else websocket.send_binary(message)
        content.expect(receive(websocket), message, "echo")
    if case == "fragments":
        send_in_fragments(websocket, content.MEBIBYTE)
        content.expect(receive(websocket), content.MEBIBYTE, "echo")
    elif case == "ping":
        ping(websocket)
    elif case == "subprotocol":
        content.expect(websocket.getsubprotocol(), content.SUBPROTOCOL, "subprotocol")
    elif case == "close-by-client":
        code, reason = content.CLIENT_IS_DONE
        websocket.close(code, reason.encode())
        answered = struct.unpack("!H", websocket.close_frame.data[:2])[0]
        content.expect(answered, code, "close code in the answer")
    elif case == "close-by-server":
        websocket.send("please close")
        opcode, frame = websocket.recv_data_frame()
        content.expect(opcode, ABNF.OPCODE_CLOSE, "opcode")
        code, reason = struct.unpack("!H", frame.data[:2])[0], frame.data[2:].decode()
        content.expect((code, reason), content.SERVER_IS_DONE, "close frame")


def client(url, cases):
    for case in cases:
        try:
            offered = ["chat.v2", content.SUBPROTOCOL] if case == "subprotocol" else None
            websocket = create_connection(f"{url}/{case}", timeout=30, subprotocols=offered)
            run(websocket, case)
            websocket.close()
            content.outcome(case)
        except Exception as error:
            content.outcome(case, error)


client(sys.argv[2], sys.argv[3:])
