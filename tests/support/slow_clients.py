#!/usr/bin/env python3
"""slow_clients.py - clients that would keep a server busy for ever.

usage: slow_clients.py PORT trickle|idle|body|full

trickle  headers, a byte every quarter second
body     the same with a body
idle     70 connections that say nothing
full     70 connections, then a request on one more

Ends when the server has cut all of them (idle: when all have been cut; full:
prints the status the request got and leaves), printing "cut".
"""
import select
import socket
import sys
import time

DEADLINE = 170


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    sock.setblocking(False)
    return sock


def was_cut(sock):
    try:
        return sock.recv(65536) == b"" or was_cut(sock)
    except BlockingIOError:
        return False
    except OSError:
        return True


def drip(port, head):
    """Bytes that never end; nothing is waited for between them but time."""
    sock = connect(port)
    sock.send(head)
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        select.select([], [], [], 0.25)
        try:
            sock.send(b"a")
        except OSError:
            return True
        if was_cut(sock):
            return True
    return False


def idle(port):
    left = [connect(port) for _ in range(70)]
    end = time.monotonic() + DEADLINE
    while left and time.monotonic() < end:
        select.select(left, [], [], 1)
        left = [sock for sock in left if not was_cut(sock)]
    return not left


def full(port):
    kept = [connect(port) for _ in range(70)]
    sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    sock.sendall(b"GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n")
    print(sock.recv(65536).split(b"\r\n")[0].decode())
    return len(kept) == 70


def main():
    port, what = int(sys.argv[1]), sys.argv[2]
    done = {
        "trickle": lambda: drip(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "),
        "body": lambda: drip(
            port,
            b"POST /api/v1/actions/pause HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 9000\r\n\r\n",
        ),
        "idle": lambda: idle(port),
        "full": lambda: full(port),
    }[what]()
    print("cut" if done else "kept")


main()
