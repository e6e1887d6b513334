#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""With busy-poll the worker is awake when an answer comes, and asleep when none does."""

import os
import time

from lab import Lab
from process import Stopwatch, titled, wait_until
from scripted import ScriptedClient, ScriptedServer
from tap import Plan, check

MICROSECONDS = 1000  # the most that "busy-poll" may be
SOON = 0.8 * MICROSECONDS / 1e6
TRIPS = 100
LONGEST = 120
TICK = os.sysconf("SC_CLK_TCK")


def worker(lab):
    return titled(lab.gateway.process.pid, "ftpalg-worker")[-1]


def sleeps(pid):
    """How often it has gone to sleep."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) / TICK


def sleeps_of_soon_trips(microseconds):
    """How often the worker slept before the answer was here, in as many trips as TRIPS whose answer came sooner than it
    waits awake. Whether others keep the machine busy decides how long it takes to have seen so many, not what they show."""
    with Lab(mode="snat", settings={"gateway": {"busy-poll": microseconds}}) as lab, \
         ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        client.list_active()
        pid, seen = worker(lab), []

        def enough():
            before, began = sleeps(pid), time.monotonic()
            client.command(b"NOOP", "200")
            seconds, slept = time.monotonic() - began, sleeps(pid) - before
            if seconds < SOON:
                seen.append(slept)
            return len(seen) >= TRIPS
        wait_until(enough, f"{TRIPS} trips of less than {SOON * 1e6:.0f} microseconds", LONGEST, interval=0)
        return sum(seen)


def finds_it_awake():
    without, with_it = sleeps_of_soon_trips(0), sleeps_of_soon_trips(MICROSECONDS)
    check(with_it < without / 2, f"in {TRIPS} trips of less than {SOON * 1e6:.0f} microseconds the worker slept {without} "
                                 f"times without busy-poll, {with_it} times with it")


def sleeps_without_packets():
    with Lab(mode="snat", settings={"gateway": {"busy-poll": MICROSECONDS}}) as lab, \
         ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        before, watch = processor_seconds(worker(lab)), Stopwatch()
        with watch:
            wait_until(lambda: watch.seconds() >= 1, "a second")
        used = processor_seconds(worker(lab)) - before
        check(used < 0.3, f"without any packet, the worker took {used:.2f} s of a second")


def main():
    plan = Plan(__doc__)
    plan.add("an answer that comes soon finds the worker awake", finds_it_awake)
    plan.add("without packets the worker sleeps", sleeps_without_packets)
    plan.run()


if __name__ == "__main__":
    main()
