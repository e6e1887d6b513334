#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The supervisor keeps a worker running: one that dies is replaced, one that hangs is ended, none outlives its supervisor,
and sessions go on with the next one.
"""

import contextlib
import functools
import os
import signal
import time

from lab import Lab
from process import SLOWNESS, children, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal

WATCHDOG = 2


def is_gone(pid):
    """No such process, or one that has ended and waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def worker_of(gateway):
    return wait_until(lambda: children(gateway.process.pid), "a worker")[0]


def starts(gateway):
    return gateway.process.output().count("ftpalg: ready")


@contextlib.contextmanager
def session(lab, family):
    """A client that has logged in."""
    with ScriptedServer(lab.server, lab.addresses[family].server), \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        yield client


def replaced_after(lab, family, number):
    """number, sent to the worker, makes the supervisor replace it; a session that was open goes on."""
    gateway = lab.gateway
    with session(lab, family) as client:
        check_equal(client.list_active(), LISTING, "the listing before")
        began, worker = starts(gateway), worker_of(gateway)
        os.kill(worker, number)
        wait_until(lambda: starts(gateway) == began + 1, "the next worker", WATCHDOG + 10)
        check(is_gone(worker), "the old worker is still there")
        check_equal(client.list_active(), LISTING, "the listing with the next worker")
        check_equal(client.list_passive(), LISTING, "a passive listing with the next worker")


def busy_worker_is_left_alone(lab, family):
    """A worker that works, or has nothing to do, moves for its supervisor."""
    began = starts(lab.gateway)
    with session(lab, family) as client:
        deadline = time.monotonic() + (WATCHDOG + 2) * SLOWNESS
        while time.monotonic() < deadline:
            client.command(b"NOOP", "200")
    time.sleep((WATCHDOG + 2) * SLOWNESS)
    check_equal(starts(lab.gateway), began, "starts of a worker")


def killed_supervisor_takes_its_worker_along(lab):
    gateway = lab.gateway
    worker = worker_of(gateway)
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait()
    wait_until(lambda: is_gone(worker), "the end of the worker")
    gateway.process = None
    gateway.start()


def polite_end(lab):
    gateway = lab.gateway
    worker = worker_of(gateway)
    gateway.stop()
    check(is_gone(worker), "the worker is still there")
    gateway.start()


def main():
    plan = Plan(__doc__)
    guarded = functools.partial(Lab, mode="snat", settings={"gateway": {"watchdog": str(WATCHDOG)}})
    for family in (4, 6):
        plan.add(f"a worker that was killed is replaced, and its session goes on (IPv{family})", replaced_after, family,
                 signal.SIGKILL, fixture=guarded)
    plan.add("a worker that hangs is killed and replaced, and its session goes on", replaced_after, 4, signal.SIGSTOP,
             fixture=guarded)
    plan.add("a worker that works or waits is left alone", busy_worker_is_left_alone, 4, fixture=guarded)
    plan.add("a worker does not outlive its supervisor", killed_supervisor_takes_its_worker_along, fixture=guarded)
    plan.add("SIGTERM ends both", polite_end, fixture=guarded)
    plan.run()


if __name__ == "__main__":
    main()
