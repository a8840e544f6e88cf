"""What the messages of the cases consist of, and how their outcome is told. See interop/README.md."""

import random

GREETING = "Grüße, 世界 🦀"
CLIENT_IS_DONE = (4002, "client is done – bye")
SERVER_IS_DONE = (4001, "server is done – bye")
SUBPROTOCOL = "chat.v1"
FRAGMENT_BYTES = 64 * 1024

_random = random.Random(2026)
# A mebibyte that compresses to about half, so that its fragments stay large.
MEBIBYTE = bytes(byte & 0x0F for byte in _random.randbytes(1 << 20))
# Text that compresses well.
REPETITIVE = '{"symbol":"CRK","price":42.5,"volume":1000}' * 1500
# Text that compresses badly alone, and to almost nothing behind itself.
HEXADECIMAL = _random.randbytes(1500).hex()

# What each echo case sends, message by message.
ECHOED = {
    "text": [GREETING],
    "binary": [bytes(range(256))],
    "empty": ["", b""],
    "deflate": [REPETITIVE],
    "takeover": [HEXADECIMAL, HEXADECIMAL],
    "subprotocol": ["over a subprotocol"],
}


def fragments(message):
    """The message in parts of FRAGMENT_BYTES."""
    return [message[start : start + FRAGMENT_BYTES] for start in range(0, len(message), FRAGMENT_BYTES)]


def expect(seen, wanted, what):
    """Fails the case if what was seen is not what was wanted."""
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r:.80} and not {wanted!r:.80}")


def listening(host, port):
    """Tells where a server listens."""
    print(f"listening on {host}:{port}", flush=True)


def closed(path, code, reason):
    """Tells how a server saw a connection end."""
    print(f"closed {path.lstrip('/')} {code} {reason or ''}", flush=True)


def outcome(case, error=None):
    """Tells how a case went for a client."""
    print(f"passed {case}" if error is None else f"failed {case}: {error!r}", flush=True)
