#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
ftpalg watch on a terminal, which is tmux: what is on the screen, what keys do, and that the terminal is as it was whatever
ends the program.

$BUILD is the build that is asked (build).
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))
sys.path.insert(0, str(TOP / "tests/make"))

import fake_control as fake
from statements import Skip, check, run_statements
from terminal import Terminal, has_terminal

PROGRAM = TOP / os.environ.get("BUILD", "build") / "ftpalg"


class Gateway:
    """Tells a frame each tenth of a second; what it is asked to do is kept."""

    def __init__(self, path, **frame):
        self.frame = frame
        self._fake = fake.Fake(path, self._answer)
        self.requests = self._fake.requests

    def _answer(self, words, connection):
        if words[0] != "watch":
            return fake.gateway(words, connection)
        while True:
            connection.sendall((json.dumps(fake.frame(**self.frame)) + "\n").encode())
            time.sleep(0.1)

    def close(self):
        self._fake.close()


class Watch:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.socket = self.directory / "socket"

    @contextlib.contextmanager
    def scene(self, columns=80, rows=24, gateway=True, **frame):
        """A terminal with watch on it, and the gateway that it asks."""
        if not has_terminal():
            raise Skip("tmux is not installed")
        with contextlib.ExitStack() as stack:
            told = stack.enter_context(contextlib.closing(Gateway(self.socket, **frame))) if gateway else None
            terminal = stack.enter_context(contextlib.closing(Terminal(self.directory, columns, rows)))
            terminal.wait_for("$")
            terminal.before = terminal.shape()
            terminal.type(f"clear; echo before; {PROGRAM} watch --socket {self.socket}; echo after $?")
            if gateway:
                terminal.wait_for("q: quit")
                terminal.wait_for("sessions 12")
            yield terminal, told

    def left(self, terminal, said="after 0"):
        """The program is gone, and nothing of it is left."""
        screen = terminal.wait_for(said)
        check("before" in screen and "q: quit" not in screen, f"its screen is still there:\n{screen}")
        shape = terminal.shape()
        check(shape == terminal.before, f"the terminal was\n{terminal.before}\nand is\n{shape}")

    def fits(self):
        for columns, rows in ((80, 24), (120, 30), (60, 10), (200, 60)):
            with self.scene(columns, rows) as (terminal, _):
                lines = terminal.wait_for("q: quit").rstrip("\n").split("\n")
                check(len(lines) == rows, f"{len(lines)} lines:\n{terminal.screen()}")
                check(all(len(line) <= columns for line in lines), "a line is too wide")
                check(lines[0].startswith("ftpalg on ") and lines[0].endswith("healthy"), lines[0])
                counts = "sessions 12   pinholes 1   61 MB/s down   1.1 MB/s up   refused 0/s"
                check(lines[1].startswith(counts if columns > len(counts) else counts[:columns - 1] + "\u2026"), lines[1])
                check(lines[2] == "\u2500" * columns, lines[2])
                check("10.0.0.5" in lines[4] and "RETR big.iso" in lines[4] and "89%" in lines[4], lines[4])
                check(lines[-1].startswith("up, down: select"), lines[-1])
                if columns == 120:
                    check("[#################   ]" in lines[4] and "4.2 of 4.7 GB   61 MB/s  0:08" in lines[4], lines[4])
                if rows >= 24:
                    check("10.0.0.23  C> PORT 10,0,0,99,0,25 refused: foreign-address" in terminal.screen(), terminal.screen())

    def filters(self):
        with self.scene() as (terminal, _):
            terminal.press("/", *"bui")
            screen = terminal.wait_for('filter "bui" hides 4')
            check("10.0.0.7" in screen and "anna" not in screen, screen)
            terminal.press("Enter")
            terminal.wait_for("q: quit")
            terminal.press("/", "x", "Escape")
            terminal.wait_for('filter "bui" hides 4')
            terminal.press("/", "BSpace", "BSpace", "BSpace", "Enter")
            terminal.wait_without("hides")

    def why(self):
        with self.scene(80, 10) as (terminal, gateway):
            terminal.press("Down", "Enter")
            screen = terminal.wait_for("q: back")
            check(gateway.requests[-1] == ["why", fake.sessions()[1]["session"]], f"asked: {gateway.requests}")
            check("front of the drop" in screen, f"not its end:\n{screen}")
            terminal.press("PPage", "PPage")
            terminal.wait_for("C> PORT 10,0,0,5,195,149")
            terminal.resize(120, 40)
            terminal.wait_for("no rule\n")
            terminal.press("q")
            terminal.wait_for("sessions 12")

    def kill(self):
        with self.scene() as (terminal, gateway):
            for key in ("n", "Enter", "Escape", "k"):
                terminal.press("k")
                terminal.wait_for(f"End {fake.sessions()[0]['session']}, 10.0.0.5 anna?")
                terminal.press(key)
                terminal.wait_for("q: quit")
            check(["kill"] not in [words[:1] for words in gateway.requests], gateway.requests)
            terminal.press("k")
            terminal.wait_for("y: yes")
            terminal.press("y")
            terminal.wait_for("the session has been reset")
            check(gateway.requests[-1] == ["kill", fake.sessions()[0]["session"]], gateway.requests)

    def selection_stays(self):
        with self.scene() as (terminal, gateway):
            terminal.press("Down", "Down")
            terminal.wait(lambda screen: any(">  10.0.0.7" in line and "idle" in line for line in screen.split("\n")), "the selection")
            gateway.frame["sessions"] = fake.sessions()[1:]
            terminal.wait(lambda screen: "anna" not in screen and
                          any(">  10.0.0.7" in line and "idle" in line for line in screen.split("\n")), "the selection where it went")
            gateway.frame["sessions"] = []
            terminal.wait_without("10.0.0.7")
            terminal.press("Enter", "k")
            terminal.wait_for("q: quit")

    def many(self):
        sessions = [fake.session(number, "10.0.0.5", "203.0.113.9", f"user{number:03}", "idle") for number in range(300)]
        with self.scene(sessions=sessions) as (terminal, _):
            terminal.press("End")
            terminal.wait_for("user299")
            terminal.press("PPage")
            terminal.wait_without("user299")
            terminal.press("Home")
            terminal.wait_for("user000")

    def resizes(self):
        with self.scene() as (terminal, _):
            terminal.resize(120, 40)
            terminal.wait(lambda screen: screen.count("\n") == 40 and "\u2500" * 120 in screen and
                          screen.rstrip("\n").split("\n")[-1].startswith("up, down"), "a larger screen")
            terminal.resize(50, 8)
            terminal.wait(lambda screen: "\u2500" * 50 in screen and screen.rstrip("\n").split("\n")[-1].startswith("up, down"),
                          "a smaller screen")

    def absent(self):
        with self.scene(gateway=False) as (terminal, _):
            terminal.wait_for("ftpalg is not running (no answer on")
            with contextlib.closing(Gateway(self.socket)):
                terminal.wait_for("sessions 12")
            terminal.wait_for("ftpalg is not running (no answer on")
            terminal.press("q")
            self.left(terminal)

    def degraded(self):
        with self.scene(status=fake.status(**fake.DEGRADED)) as (terminal, _):
            terminal.wait_for("DEGRADED: IPv6 control connections pass uninspected")

    def hostile(self):
        sessions = [fake.session(1, "10.0.0.5\x1b[2J", "\x1b]0;title\x07", "\u202eanna", "transfer", verb="RETR", path="a/\x1b[31mb"),
                    {"session": 5, "bytes": "x"}, {}]
        with self.scene(sessions=sessions) as (terminal, _):
            screen = terminal.wait_for("10.0.0.5\\x1b")
            check("RETR \\x1b[31mb" in screen and "\u202e" not in screen, screen)

    def quits(self):
        with self.scene() as (terminal, _):
            terminal.press("q")
            self.left(terminal)

    def signals(self):
        for number, said in ((signal.SIGTERM, "after 0"), (signal.SIGHUP, "after 0"), (signal.SIGQUIT, "after 0"),
                             (signal.SIGSEGV, "after 139"), (signal.SIGABRT, "after 134")):
            with self.scene() as (terminal, _):
                os.kill(terminal.child(), number)
                self.left(terminal, said)
        with self.scene() as (terminal, _):
            terminal.press("C-c")
            # An interactive shell does not go on with what stands behind it.
            terminal.wait_without("q: quit")
            shape = terminal.shape()
            check(shape == terminal.before, f"the terminal was\n{terminal.before}\nand is\n{shape}")

    def stops(self):
        with self.scene() as (terminal, _):
            terminal.press("C-z")
            terminal.wait_for("Stopped")
            shape = terminal.shape()
            check(shape == terminal.before, f"the terminal was\n{terminal.before}\nand is\n{shape}")
            terminal.type("fg")
            terminal.wait_for("sessions 12")
            terminal.press("q")
            terminal.wait_without("q: quit")

    def lines(self):
        with contextlib.closing(Gateway(self.socket)):
            for words in ([], ["--json"]):
                with subprocess.Popen([PROGRAM, "watch", "--socket", self.socket, *words], stdout=subprocess.PIPE, text=True,
                                      stdin=subprocess.DEVNULL) as process:
                    told = [json.loads(process.stdout.readline()) for _ in range(3)]
                    process.terminate()
                check(all(set(frame) == {"status", "sessions", "decisions"} for frame in told), told)


def statements(directory):
    watch = Watch(directory)
    yield "the screen is as large as the terminal, whichever size it has", watch.fits
    yield "/ filters while it is typed, and escape takes it back", watch.filters
    yield "enter tells why, from its end, and can be scrolled", watch.why
    yield "k asks first, and only y ends the session", watch.kill
    yield "the selection stays on its session", watch.selection_stays
    yield "300 sessions can be gone through", watch.many
    yield "a terminal that changes its size is filled again", watch.resizes
    yield "no gateway is said to be none, and one that comes is seen", watch.absent
    yield "what is wrong stands at the top", watch.degraded
    yield "what peers said does nothing to the terminal", watch.hostile
    yield "q leaves the terminal as it was", watch.quits
    yield "so do signals, faults of the program among them", watch.signals
    yield "control-Z gives the terminal back for a while", watch.stops
    yield "without a terminal there are JSON lines", watch.lines


if __name__ == "__main__":
    sys.exit(run_statements(textwrap.dedent(__doc__), statements))
