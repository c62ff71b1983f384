"""Take what is posted over TLS and forget it; say the port first. One argument: a PEM file of key and certificate."""

import socket
import ssl
import sys

_BUFFER = 1 << 20


def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as client:
                take(client)


def take(client: ssl.SSLSocket) -> None:
    """One request."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (piece := client.recv(4096)):
            return
        head += piece
    fields, _, body = head.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in fields.split(b"\r\n") if line.startswith(b"Content-Length"))
    left, buffer = length - len(body), bytearray(_BUFFER)
    while left:
        if not (got := client.recv_into(buffer)):
            return
        left -= got
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


if __name__ == "__main__":
    main()
