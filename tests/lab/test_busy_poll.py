#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""With busy-poll the worker is awake when an answer comes, and asleep when none does."""

import os

from lab import Lab
from process import Stopwatch, titled, wait_until
from scripted import ScriptedClient, ScriptedServer
from tap import Plan, check

TRIPS = 200
ROUNDS = 8
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


def sleeps_in_trips(microseconds):
    with Lab(mode="snat", settings={"gateway": {"busy-poll": microseconds}}) as lab, \
         ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        client.list_active()
        before = sleeps(worker(lab))
        for _ in range(TRIPS):
            client.command(b"NOOP", "200")
        return sleeps(worker(lab)) - before


def finds_it_awake():
    """An answer that comes late because the machine is busy finds nobody awake, so there are several rounds: one must show
    it."""
    seen = []
    while not any(with_it < without / 2 for without, with_it in seen) and len(seen) < ROUNDS:
        seen.append((sleeps_in_trips(0), sleeps_in_trips(1000)))
    without, with_it = seen[-1]
    check(with_it < without / 2, f"in {TRIPS} trips the worker slept {without} times without busy-poll, {with_it} times with it, "
                                 f"in the last of {ROUNDS} rounds")


def sleeps_without_packets():
    with Lab(mode="snat", settings={"gateway": {"busy-poll": 1000}}) as lab, \
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
