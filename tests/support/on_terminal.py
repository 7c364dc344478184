#!/usr/bin/env python3
"""on_terminal.py COLUMNS[,COLUMNS...] [--when TEXT]... COMMAND... - on a terminal.

The window has the first width, and the next one each time something was shown
in between. What is typed comes from standard input, at once or when the texts
were shown; what the command shows goes to standard output, byte for byte. Its
exit code is ours.
"""
import fcntl
import os
import pty
import struct
import sys
import termios


def resize(fd, columns):
    size = struct.pack("HHHH", 24, columns, 0, 0)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, size)


def main():
    widths = [int(width) for width in sys.argv[1].split(",")]
    command, awaited = sys.argv[2:], []
    while command[0] == "--when":
        awaited.append(os.fsencode(command[1]))
        command = command[2:]
    typed = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    master, slave = pty.openpty()
    resize(slave, widths.pop(0))
    pid = os.fork()
    if pid == 0:
        os.close(master)
        os.login_tty(slave)
        os.execvp(command[0], command)
    os.close(slave)
    all_shown = b""
    while True:
        if typed and all(text in all_shown for text in awaited):
            os.write(master, typed)
            typed = b""
        try:
            shown = os.read(master, 65536)
        except OSError:
            break
        if not shown:
            break
        sys.stdout.buffer.write(shown)
        all_shown += shown
        if widths:
            resize(master, widths.pop(0))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
