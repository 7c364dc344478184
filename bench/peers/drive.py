"""drive.py - runs a peer's processes and measures them.

usage: drive.py RECORDS TIMEOUT PLAN

PLAN is a JSON file: {"processes": [{"role": ROLE, "argv": [...]}]}. A role says
how much of the protocol a process speaks:
  source  says "ready" on stdout, starts when it reads a line, ends by itself
  sink    says "ready" on stdout, then "rows ROWS" after each commit; it is
          ended when all rows are there
  alone   starts at once and ends by itself, and the run with it
  daemon  starts at once and says nothing: {"ask": {"argv": [...], "questions":
          [[TEXT, LEAST], ...]}} in the plan is a program that answers each line
          with a number; the work is done when all are at LEAST

The clock runs from the last "ready" to the last commit. Prints "SECONDS
CPU_SECONDS PEAK_KIB": processor time since the clock was started, and the sum
of all processes' peaks of memory.
"""
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
POLL = 0.1


class Failed(Exception):
    """The peer did not do its work."""


class Process:
    def __init__(self, spec, said):
        self.role = spec["role"]
        talks = self.role in ("source", "sink")
        self.popen = subprocess.Popen(
            spec["argv"], stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else subprocess.DEVNULL, text=True)
        self.cpu_before = 0.0
        self.rusage = None
        if talks:
            threading.Thread(target=self.listen, args=[said], daemon=True).start()

    def listen(self, said):
        for line in self.popen.stdout:
            said.put((time.monotonic(), self, line.split()))

    def start_clock(self):
        with open(f"/proc/{self.popen.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        self.cpu_before = (int(fields[11]) + int(fields[12])) / TICK
        if self.role == "source":
            self.popen.stdin.write("go\n")
            self.popen.stdin.flush()

    def ended(self):
        """True when it has ended; raises when it has failed."""
        if self.rusage is None:
            pid, status, usage = os.wait4(self.popen.pid, os.WNOHANG)
            if pid == 0:
                return False
            self.rusage = usage
            self.popen.returncode = os.waitstatus_to_exitcode(status)
            if self.popen.returncode > 0:
                raise Failed(f"{self.popen.args[0]} exited with "
                             f"{self.popen.returncode}")
        return True

    def stop(self):
        # not by Popen, which may reap it and keep its usage for itself
        if not self.ended():
            os.kill(self.popen.pid, signal.SIGTERM)
            deadline = time.monotonic() + 10
            while not self.ended():
                if time.monotonic() > deadline:
                    os.kill(self.popen.pid, signal.SIGKILL)
                time.sleep(0.01)


class Asked:
    """What those that say nothing have done so far."""

    def __init__(self, argv, questions):
        self.questions = questions
        self.popen = subprocess.Popen(argv, text=True, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)

    def answer(self, question):
        self.popen.stdin.write(question + "\n")
        self.popen.stdin.flush()
        return int(self.popen.stdout.readline())

    def complete(self):
        return all(self.answer(text) >= least for text, least in self.questions)

    def close(self):
        self.popen.stdin.close()
        self.popen.wait()


def wait_ready(processes, said, deadline):
    waiting = {p for p in processes if p.role in ("source", "sink")}
    while waiting:
        try:
            _, process, words = said.get(timeout=POLL)
        except queue.Empty:
            for process in waiting:
                if process.ended():
                    raise Failed("ended before it was ready") from None
            if time.monotonic() > deadline:
                raise Failed("was not ready in time") from None
            continue
        if words == ["ready"]:
            waiting.discard(process)


def follow_sinks(processes, said, total, deadline):
    """The time at which the last of all rows was committed."""
    rows = 0
    while rows < total:
        try:
            when, _, words = said.get(timeout=POLL)
            rows += int(words[1])
        except queue.Empty:
            for process in processes:
                if process.ended() and process.role == "sink":
                    raise Failed(f"ended with {rows} rows of {total}") from None
            if time.monotonic() > deadline:
                raise Failed(f"{rows} rows of {total} in time") from None
    if rows > total:
        raise Failed(f"{rows} rows, sent were {total}")
    return when


def follow_end(processes, deadline):
    while not all([p.ended() for p in processes if p.role in ("alone", "source")]):
        if time.monotonic() > deadline:
            raise Failed("did not end in time")
        time.sleep(0.005)
    return time.monotonic()


def follow_asked(processes, asked, deadline):
    while True:
        when = time.monotonic()
        if asked.complete():
            return when
        for process in processes:
            if process.ended():
                raise Failed("ended too early")
        if when > deadline:
            raise Failed("rows are missing when time is up")
        time.sleep(POLL)


def follow(processes, asked, said, total, deadline):
    if asked:
        return follow_asked(processes, asked, deadline)
    if any(p.role == "sink" for p in processes):
        return follow_sinks(processes, said, total, deadline)
    return follow_end(processes, deadline)


def measure(plan, total, timeout):
    said = queue.Queue()
    asked = Asked(**plan["ask"]) if "ask" in plan else None
    processes = []
    deadline = time.monotonic() + timeout
    try:
        for spec in plan["processes"]:
            processes.append(Process(spec, said))
        wait_ready(processes, said, deadline)
        started = time.monotonic()
        for process in processes:
            process.start_clock()
        ended = follow(processes, asked, said, total, deadline)
    finally:
        for process in processes:
            process.stop()
        if asked:
            asked.close()
    cpu = sum(p.rusage.ru_utime + p.rusage.ru_stime - p.cpu_before for p in processes)
    peak = sum(p.rusage.ru_maxrss for p in processes)
    return f"{ended - started:.3f} {cpu:.3f} {peak}"


def main():
    with open(sys.argv[3], encoding="utf-8") as file:
        plan = json.load(file)
    try:
        print(measure(plan, int(sys.argv[1]), float(sys.argv[2])))
    except Failed as failed:
        sys.exit(f"drive.py: {failed}")


main()
