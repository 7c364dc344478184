#!/usr/bin/env python3
"""make_bad.py - hostile input that is too big or too odd to be committed.

    make_bad.py KIND PATH     write one
    make_bad.py --list        the kinds

Files of two good records with something between or around them; see
tests/data/bad/EXPECT.tsv for the small ones.
"""
import json
import os
import socket
import sys


def good(number):
    """One record the events dataset loads."""
    return json.dumps({
        "id": f"{number:032x}", "event_type": "User Created",
        "username": f"guest{number}", "user_email": None,
        "user_type": "User", "organization_name": "Halfway Inn",
        "plan_name": None,
        "received_at": f"2024-04-03 11:{number % 60:02d}:00.000000",
    }).encode()


def with_record(path, pieces):
    with open(path, "wb") as file:
        file.write(good(1) + b"\n")
        for piece in pieces:
            file.write(piece)
        file.write(b"\n" + good(2) + b"\n")


def deep(path):
    """brackets 100,000 deep: one reject, neighbours load"""
    count = 100_000
    with_record(path, [b'{"id":', b"[" * count, b"]" * count, b"}"])


def deep_open(path):
    """100,000 brackets that never close: the rest is one reject"""
    with open(path, "wb") as file:
        file.write(b"[" + good(1) + b"," + b"[" * 100_000)


def long_line(path, size=1 << 30):
    """one record of 1 GiB on a line: one reject, flat memory"""
    block = b"x" * (1 << 20)
    with_record(path, [b'{"id":"', *[block] * (size // len(block)), b'"}'])


def long_blanks(path):
    """64 MiB of blanks between two records: both load"""
    with_record(path, [b" " * (1 << 20)] * 64)


def symlink(path):
    """a symbolic link to a good file: not followed"""
    target = path + ".target"
    with open(target, "wb") as file:
        file.write(good(3))
    os.symlink(os.path.basename(target), path)


def fifo(path):
    """a FIFO: not opened, nobody hangs"""
    os.mkfifo(path)


def directory(path):
    """a folder with the name of a file"""
    os.mkdir(path)


def device(path):
    """a device node (root only): not opened"""
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))


def unix_socket(path):
    """a socket: not opened"""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)


def unreadable(path):
    """a file nobody may read (root may)"""
    with open(path, "wb") as file:
        file.write(good(4))
    os.chmod(path, 0)


def sparse(path):
    """1 TiB of hole, no block on disk"""
    with open(path, "wb") as file:
        file.truncate(1 << 40)


def bomb(path):
    """gzip of 1 GiB of blanks around a record: flat memory"""
    import gzip
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(good(5) + b"\n")
        for _ in range(1024):
            file.write(b" " * (1 << 20))
        file.write(b"\n" + good(6))


def newline_name(path):
    """a name with a newline and an escape sequence in it"""
    folder = os.path.dirname(path) or "."
    with open(os.path.join(folder, "two\nlines\x1b[31m.json"), "wb") as file:
        file.write(good(7))


KINDS = {maker.__name__: maker for maker in (
    deep, deep_open, long_line, long_blanks, symlink, fifo, directory,
    device, unix_socket, unreadable, sparse, bomb, newline_name)}


def main():
    if sys.argv[1:] == ["--list"]:
        for name, maker in KINDS.items():
            print(f"{name:14}{maker.__doc__}")
        return 0
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        print(__doc__, file=sys.stderr)
        return 64
    KINDS[sys.argv[1]](sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
