# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for conditions, how long something took, and programs that run beside a test and end with it."""

import contextlib
import os
import signal
import subprocess
import threading
import time


# Where the machine is emulated, every deadline is this much longer.
SLOWNESS = float(os.environ.get("LAB_SLOWNESS", "1"))
# For what comes on an idle machine at once, and in a check beside a dozen other programs. What must come sooner says so.
PATIENCE = 30.0


class TimedOut(TimeoutError):
    """A condition did not come true before its deadline."""


def wait_until(condition, what, timeout=PATIENCE, interval=0.02):
    """
    Polls condition until it answers something true, and returns that. `what` completes "timed out waiting for". An
    exception of the condition passes through.
    """
    timeout *= SLOWNESS
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise TimedOut(f"timed out after {timeout:g} s waiting for {what}")
        time.sleep(interval)


class Stopwatch:
    """
    How long something takes, less the time that a bystander loses meanwhile: a thread that wants to run every TICK, and
    is late where the machine is busy with something else. On an idle machine that is all of the time; and whoever waits
    for anything but a processor waits as long on a busy one.
    """

    TICK = 0.002
    PUNCTUAL = 0.001  # no timer is exact

    def __init__(self):
        self._over = threading.Event()
        self._seconds = None
        self._began = self._lost_and_due = None

    def __enter__(self):
        self._began = time.monotonic()
        self._lost_and_due = 0.0, self._began + self.TICK
        threading.Thread(target=self._stand_by, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._seconds = self.seconds()
        self._over.set()

    def _stand_by(self):
        while not self._over.is_set():
            time.sleep(self.TICK)
            now = time.monotonic()
            self._lost_and_due = self._lost(now), now + self.TICK

    def _lost(self, now):
        lost, due = self._lost_and_due
        return lost + (now - due if now - due > self.PUNCTUAL else 0.0)

    def seconds(self):
        """Until now, or until it was stopped."""
        if self._seconds is not None:
            return self._seconds
        now = time.monotonic()
        return now - self._began - self._lost(now)


OF_A_MOMENT = "ftpalg-rules"  # looks at the firewall, and ends


def named_children(pid):
    """The processes that this one has started, oldest first, each with its name."""
    found = []
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        words = file.read().split()
    for word in words:
        with contextlib.suppress(OSError), open(f"/proc/{word}/comm", encoding="ascii") as file:  # it may have ended
            found.append((int(word), file.read().strip()))
    return found


def children(pid):
    """Those of them that stay. One that ftpalg has just forked has its name, until it has its own: it is waited for."""
    def those_with_names():
        found = named_children(pid)
        return None if any(name == "ftpalg" for _, name in found) else [found]
    found, = wait_until(those_with_names, f"names of the processes that {pid} has begun")
    return [child for child, name in found if name != OF_A_MOMENT]


def titled(pid, title):
    """Those of them that bear this name."""
    return [child for child, name in named_children(pid) if name == title]


def wait_titled(pid, title):
    """The first of them. A process has its name a moment after it has begun."""
    wait_until(lambda: titled(pid, title), f"the process {title}")
    return titled(pid, title)[0]


def is_gone(pid):
    """No such process, or one that has ended and waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Process:
    """A program that runs beside the test, in a process group of its own, its output in a file."""

    def __init__(self, command, log, environment=None):
        self.command = [str(word) for word in command]
        self.log = log
        with open(log, "ab") as output:
            self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                             start_new_session=True, env={**os.environ, **(environment or {})})

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def output(self):
        with open(self.log, encoding="utf-8", errors="backslashreplace") as log:
            return log.read()

    def wait_for_output(self, text, timeout=PATIENCE):
        """Waits until the program has written text; fails at once if the program ends before."""
        def said():
            if text in self.output():
                return True
            if not self.running() and text not in self.output():
                raise RuntimeError(f"{self.command[-1]} ended with status {self._process.returncode} before it wrote "
                                   f"{text!r}; it wrote:\n{self.output()}")
            return False
        wait_until(said, f"{text!r} in {self.log}", timeout)

    def wait(self, timeout=PATIENCE):
        """Waits for the end and returns the exit status."""
        return self._process.wait(timeout)

    def kill(self):
        """SIGKILL, to the whole group; comes back when all of it has ended."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the whole group has ended already
        status = self._process.wait()
        wait_until(self._group_ended, f"the end of all processes of {self.command[-1]}")
        return status

    def stop(self, number=signal.SIGTERM, timeout=PATIENCE):
        """A polite signal, then, past the deadline, SIGKILL. Returns the exit status."""
        if self.running():
            os.kill(self.pid, number)
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        killed = self.kill()
        return killed if status is None else status

    def _group_ended(self):
        """
        Orphans of the group are reaped here, where this program is the first process of its pid namespace and nobody
        else would do it.
        """
        try:
            while os.waitpid(-self.pid, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass  # none of the group is a child of ours
        try:
            os.killpg(self.pid, 0)
            return False
        except ProcessLookupError:
            return True
