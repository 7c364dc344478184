#!/usr/bin/env python3
"""rude_http.py - clients nobody wants: PORT... get connections that say
nothing, headers that never end, one byte at a time, and answers nobody reads,
until this process is killed. Says "rude" once all of them are there."""
import select
import socket
import sys
import time

IDLE, SLOW, DEAF = 80, 40, 10
AGAIN = 4  # of those that were hung up on come again in each turn


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=10)
    s.setblocking(False)
    return s


def say(s, text):
    try:
        s.send(text)
        return True
    except OSError:
        return False  # hung up on: come again


def main():
    ports = [int(port) for port in sys.argv[1:]]
    rude = []
    for port in ports:
        rude += [(port, "idle", connect(port)) for _ in range(IDLE)]
        rude += [(port, "slow", connect(port)) for _ in range(SLOW)]
        for _ in range(DEAF):
            s = connect(port)
            say(s, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
            rude.append((port, "deaf", s))
    for _, kind, s in rude:
        if kind == "slow":
            say(s, b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    print("rude", flush=True)
    while True:
        time.sleep(0.2)
        left = AGAIN * len(ports)
        for i, (port, kind, s) in enumerate(rude):
            if kind == "deaf":
                continue
            gone = select.select([s], [], [], 0)[0] != []
            if (gone or (kind == "slow" and not say(s, b"a"))) and left > 0:
                left -= 1
                s.close()
                try:
                    rude[i] = (port, kind, connect(port))
                except OSError:
                    rude[i] = (port, "deaf", s)


main()
