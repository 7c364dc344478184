#!/usr/bin/env python3
"""notify_listen.py - the service manager's end of sd_notify: PATH FILE appends
each datagram that comes to PATH to FILE, its lines joined by a blank."""
import os
import socket
import sys

s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
while True:
    text = s.recv(4096).decode()
    with open(sys.argv[2], "a", encoding="utf-8") as out:
        out.write(text.replace("\n", " ") + "\n")
