"""What the peers have in common: their arguments, and the certificate of the mode `tls`."""

import argparse
import ssl
import sys

CANNOT = 3
BACKLOG = 4096
# Above the largest message of the benchmark; each library has another default.
MAX_SIZE = 64 * 1024 * 1024


def parse(modes):
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", required=True)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    arguments, _ = parser.parse_known_args()
    if arguments.mode not in modes:
        sys.exit(CANNOT)
    return arguments


def tls(arguments):
    if arguments.mode != "tls":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.cert, arguments.key)
    return context


def ready():
    print("ready", flush=True)
