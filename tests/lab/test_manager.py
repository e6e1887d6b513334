#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the service manager hears from the supervisor, as sd_notify(3) has it: that all serves, that a reload is under way and
over, signs of life only while all serves, that it ends, and who goes on after another program has taken its place.
"""

import contextlib
import os
import resource
import shutil
import signal
import socket
import time

from gateway import binary
from lab import Lab
from process import SLOWNESS, wait_until
from tap import Plan, check, check_equal
from test_check import OTHER_LISTENER
from test_supervisor import pair_of

SECONDS = 1  # between two signs of life
QUEUES = "/proc/net/netfilter/nfnetlink_queue"


class Manager:
    """A lab whose gateway tells this socket what it tells."""

    def __init__(self):
        self.heard = []

    @contextlib.contextmanager
    def __call__(self):
        with Lab(mode="snat", daemon=False) as self.lab, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as self.socket:
            self.socket.bind(self.lab.path("notify"))
            self.socket.setblocking(False)
            self.gateway = self.lab.gateway
            self.gateway.environment = {"NOTIFY_SOCKET": self.lab.path("notify"), "WATCHDOG_USEC": str(SECONDS * 2000000)}
            yield self
            if self.gateway.process:
                self.gateway.stop()

    def listen(self):
        """Takes what has come: each datagram as {NAME: VALUE}."""
        with contextlib.suppress(BlockingIOError):
            while True:
                text = self.socket.recv(4096).decode()
                self.heard.append(dict(line.split("=", 1) for line in text.splitlines()))
        return self.heard

    def position(self):
        return len(self.listen())

    def wait_for(self, name, since=0, containing=""):
        def find():
            return next((told for told in self.listen()[since:] if name in told and containing in told[name]), None)
        return wait_until(find, f"{name}={containing}")

    def signs(self, since):
        return sum("WATCHDOG" in told for told in self.listen()[since:])

    def start(self):
        self.gateway.start()
        self.wait_for("READY")


def ready_when_the_queue_is_served(manager):
    """And not while the worker waits for one that had it before, which takes a second here."""
    other = manager.lab.router.spawn(["python3", "-c", OTHER_LISTENER])
    other.wait_for_output("bound")
    manager.gateway.process = manager.lab.router.spawn([binary(), "run", "-c", manager.gateway.configuration],
                                                       environment=manager.gateway.environment)
    time.sleep(1.3)
    check(not any("READY" in told for told in manager.listen()), "it is ready, and has no queue")
    other.stop()
    told = manager.wait_for("READY")
    with manager.lab.router.entered(), open(QUEUES, encoding="ascii") as file:
        check(file.read().split()[:1] == ["21"], "nobody listens on the queue that is said to be served")
    check_equal(told["MAINPID"], str(manager.gateway.process.pid), "the process")
    check_equal(sum("READY" in told for told in manager.heard), 1, "times that it was told")
    check("queue 21: served" in told["STATUS"], f"status {told['STATUS']!r}")


def reload_begins_and_ends(manager):
    manager.start()
    since = manager.position()
    os.kill(manager.gateway.process.pid, signal.SIGHUP)
    begun = manager.wait_for("RELOADING", since)
    check(0 < int(begun["MONOTONIC_USEC"]) <= time.monotonic() * 1e6, f"time {begun['MONOTONIC_USEC']}")
    manager.wait_for("READY", since)
    names = [name for told in manager.listen()[since:] for name in told if name in ("RELOADING", "READY")]
    check_equal(names, ["RELOADING", "READY"], "what was told, in this order")


def refused_reload_is_the_status(manager):
    manager.start()
    with open(manager.gateway.configuration, encoding="ascii") as file:
        text = file.read()
    for content, expected in ((text + "nonsense = 1\n", "not taken over: "), (text, "queue 21: served")):
        with open(manager.gateway.configuration, "w", encoding="ascii") as file:
            file.write(content)
        since = manager.position()
        os.kill(manager.gateway.process.pid, signal.SIGHUP)
        told = manager.wait_for("READY", since)
        check(expected in told["STATUS"], f"status {told['STATUS']!r}")
    check("not taken over" not in told["STATUS"], f"status {told['STATUS']!r}")


def signs_of_life_while_all_serves(manager):
    """With so few descriptors that no worker can be started, there are none, and the status says why."""
    manager.start()
    since = manager.position()
    wait_until(lambda: manager.signs(since) >= 3, "signs of life")
    pid = manager.gateway.process.pid
    held = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    first_free = next(number for number in range(1024) if number not in held)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (first_free + 1, limits[1]))
    os.kill(pair_of(manager.gateway)[0], signal.SIGKILL)
    manager.wait_for("STATUS", since, "no worker serves it yet")
    since = manager.position()
    time.sleep(4 * SECONDS * SLOWNESS)
    check_equal(manager.signs(since), 0, "signs of life without a worker")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    wait_until(lambda: manager.signs(since) >= 2, "signs of life with the next worker")
    manager.wait_for("STATUS", since, "queue 21: served")


def end_is_told(manager):
    manager.start()
    manager.gateway.stop()
    manager.wait_for("STOPPING")


def another_program_goes_on(manager):
    """The same process, ready again once its own worker serves."""
    program = manager.lab.path("ftpalg")
    shutil.copy(binary(), program)
    manager.gateway.process = manager.lab.router.spawn([program, "run", "-c", manager.gateway.configuration],
                                                       environment=manager.gateway.environment)
    manager.wait_for("READY")
    since = manager.position()
    shutil.copy(binary(), program + ".new")
    os.replace(program + ".new", program)
    os.kill(manager.gateway.process.pid, signal.SIGUSR2)
    told = manager.wait_for("READY", since)
    check_equal(told["MAINPID"], str(manager.gateway.process.pid), "the process")
    check_equal(manager.gateway.process.output().count("ftpalg: ready"), 2, "workers")
    check(not any("STOPPING" in told for told in manager.listen()), "an end was told")
    since = manager.position()
    wait_until(lambda: manager.signs(since) >= 2, "signs of life of the next program")


def main():
    plan = Plan(__doc__)
    for statement, function in (
            ("a190: the service is ready when its queue is served, and its process is named", ready_when_the_queue_is_served),
            ("a190: a reload is told when it begins and when it is over", reload_begins_and_ends),
            ("a190: what a reload did not take over is the status, until one does", refused_reload_is_the_status),
            ("a190: signs of life come while all serves, and not while no worker can be started", signs_of_life_while_all_serves),
            ("a190: the end is told", end_is_told),
            ("a190: another program is ready in the same process", another_program_goes_on)):
        plan.add(statement, function, fixture=Manager())
    plan.run()


if __name__ == "__main__":
    main()
