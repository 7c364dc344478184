#!/usr/bin/env python3
"""make_cuts.py - a small file, cut at every byte: array, lines, gzip, zstd.

usage: make_cuts.py FOLDER

Prints a line a file: name|loaded|rejected|bytes, the last the size that the
ranges in the ledger have to cover (decompressed, as far as that goes; of a
compressed file that gives nothing at all the file's own). What is to be
expected is worked out here, from the positions of the records alone.
"""

import gzip
import subprocess
import sys
import zlib
from pathlib import Path

RECORDS = [b'{"id":"a"}', b'{"id":"b","i":2}', b'{"id":"c"}']


def write(name, data, loaded, rejected, size):
    (folder / name).write_bytes(data)
    print(f"{name}|{loaded}|{rejected}|{size}")


def ends(text):
    """Where each record ends in the text."""
    at = 0
    for record in RECORDS:
        at = text.index(record, at) + len(record)
        yield at


def cut_array():
    """A record counts once something follows it: the array goes on."""
    text = b"[" + b",\n ".join(RECORDS) + b" ]"
    for cut in range(len(text) + 1):
        whole = cut == len(text)
        loaded = sum(end < cut for end in ends(text))
        write(f"array_{cut:03}.json", text[:cut], loaded,
              int(0 < cut and not whole), cut)


def cut_lines():
    """A record counts once it is whole; the last line needs no end."""
    text = b"\n".join(RECORDS) + b"\n"
    starts = [end - len(r) for end, r in zip(ends(text), RECORDS)]
    for cut in range(len(text) + 1):
        loaded = sum(end <= cut for end in ends(text))
        inside = any(s < cut < e for s, e in zip(starts, ends(text)))
        write(f"lines_{cut:03}.json", text[:cut], loaded, int(inside), cut)


def write_packed(name, data, text, whole):
    """text is what can be had of the data; a broken file's last line counts
    only with its end."""
    write(name, data, text.count(b"\n"), int(not whole),
          len(text) or len(data))


def cut_gzip():
    """One member: bytes come out before its end."""
    data = gzip.compress(b"\n".join(RECORDS) + b"\n", mtime=0)
    for cut in range(len(data) + 1):
        out = zlib.decompressobj(31).decompress(data[:cut])
        write_packed(f"gzip_{cut:03}.json", data[:cut], out,
                     cut in (0, len(data)))


def cut_zstd():
    """A frame a line; the file may end behind each. A frame's only block is
    a raw one behind nine bytes of headers: it gives what is there of it."""
    frames = [subprocess.run(["zstd", "-q", "-c", "--no-check"],
                             input=record + b"\n", check=True,
                             stdout=subprocess.PIPE).stdout
              for record in RECORDS]
    assert [frame[9:-1] for frame in frames] == RECORDS
    data = b"".join(frames)
    borders = [sum(map(len, frames[:n])) for n in range(4)]
    for cut in range(len(data) + 1):
        text = b"".join(data[border + 9:min(cut, border + len(frame))]
                        for border, frame in zip(borders, frames))
        write_packed(f"zstd_{cut:03}.json", data[:cut], text,
                     cut in borders)


folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
cut_array()
cut_lines()
cut_gzip()
cut_zstd()
