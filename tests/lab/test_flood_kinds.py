#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
One kind of flood after the other, as fast as one process can send it, beside a client that behaves: all its commands are
answered, a newcomer's session is let in, and no process of the gateway is replaced. How much longer a command takes is
printed; with the release build in check-long it is twice as long as in quiet at most.

      flood ---- client's host                                    flooded server
                              \\                                  /
                               +---- router, the gateway --------+
                              /                                  \\
      client that behaves ----                                    its own server

What is compared is the median of the commands' round trips; the 99th percentile is printed, and depends on what else
the machine does. Client, server and gateway run in the real-time class and the flood at the lowest priority, as in
test_flood.py: a processor is then never short for the path that is measured, and what the flood makes the gateway do is
all that it costs. Each kind lasts five seconds; sixty where LAB_FULL is set.
"""

import contextlib
import functools
import os
import statistics
import time

from lab import Lab
from process import wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal
from test_offpath import ACK, PSH, SYN, next_numbers, packet
from test_flood import FLOOD, LOWEST, Measured, flooding, ipv4, is_sanitized, note, real_time, worker_pid

SECONDS = 60 if os.environ.get("LAB_FULL") else 5
# A median is compared where the machine and the build are for measuring: in check-long, without sanitizers.
DEMANDED = 2.0 if os.environ.get("LAB_FULL") and not is_sanitized() else None
# What is only printed is measured less often.
QUIET_SECONDS = 1.5 if DEMANDED else 0.1
# More than a process here can send, so that it never waits for its rate.
UNLIMITED = 1000000
SESSIONS, SOURCES = 200, 20
# SYNs a second: each costs the kernel an entry of conntrack, whose table holds 262,144.
SYN_RATE = 20000
PACKET_RATE = 50000
SYN_SOURCES = 200

SETTINGS = {"gateway": {"sessions": "16384", "memory": "16384"}}


@contextlib.contextmanager
def sessions_that(kind, rate, lab):
    """SESSIONS sessions that act as this kind does; yields what counts their acts."""
    with flooding(lab, {kind: (SESSIONS, rate, SOURCES)}) as attacks:
        yield lambda: attacks[0].statistics()["acted"]


def last_count(process):
    """What a process said last of how often it has acted."""
    return int(process.output().rpartition("\n")[0].rpartition("acted=")[2])


@contextlib.contextmanager
def generator(host, *words):
    """The flood program, once it sends. Gives a function that tells how much it has sent."""
    process = host.spawn([*LOWEST, FLOOD, *words])
    try:
        process.wait_for_output("acted")
        yield lambda: last_count(process)
    finally:
        process.stop()


@contextlib.contextmanager
def spoofed_syns(lab):
    """SYNs in the names of hosts that are not there."""
    server = ipv4(lab, "server", 10)
    lab.server.ip(f"address replace {server}/24 dev eth0")
    # The answers go nowhere: a neighbour that is asked for and does not answer holds packets back.
    with ScriptedServer(lab.server, server):
        with generator(lab.client, "syn", SYN_RATE, ipv4(lab, "client", 20), SYN_SOURCES, server, 21) as sent:
            yield sent


def packets(host, content):
    """One packet, over and over."""
    return generator(host, "packet", PACKET_RATE, content.hex())


@contextlib.contextmanager
def answers_in_mid_session(lab):
    """SYN and ACK, in the name of a server that has long answered, from its side of the router."""
    with ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        answer = packet((lab.addresses[4].server, 21), (lab.client_seen(4), client.local_port), (1, 1), SYN | ACK)
        with packets(lab.server, answer) as count:
            yield count
        client.command(b"NOOP", "200")


@contextlib.contextmanager
def repetitions(lab):
    """A client that begins a line, and says that beginning again and again."""
    with ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        receives, sends = next_numbers(client.socket)
        beginning = packet((lab.addresses[4].client, client.local_port), (lab.server_seen(4), 21), (sends, receives),
                           PSH | ACK, b"PORT 10,0,", window=1000)
        with packets(lab.client, beginning) as count:
            yield count


@contextlib.contextmanager
def reloads(lab):
    """The configuration, read again and again."""
    process = lab.router.spawn([*LOWEST, "sh", "-c", f"""n=0; while kill -HUP {lab.gateway.process.pid}; do
                                n=$((n + 1)); echo "acted=$n"; sleep 0.01; done"""])
    try:
        process.wait_for_output("acted")
        yield lambda: last_count(process)
    finally:
        process.stop()


def commands_for(measured, seconds):
    """Round trips of the client that behaves, for some time: the median and the 99th percentile."""
    until, times = time.monotonic() + seconds, []
    while time.monotonic() < until:
        times += measured.round()
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def newcomer_is_served(lab):
    with ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "a newcomer's active listing")
        check_equal(client.list_passive(), LISTING, "a newcomer's passive listing")


def flood_costs_others_little(lab, flood):
    pid = worker_pid(lab.gateway)
    with real_time(lab.gateway), ScriptedServer(lab.server, lab.addresses[4].server):
        measured = Measured(lab)
        quiet = commands_for(measured, QUIET_SECONDS)
        with flood(lab) as count:
            began, acts = time.monotonic(), count()
            flooded = commands_for(measured, SECONDS)
            newcomer_is_served(lab)
            # On a busy machine the lowest priority may have to wait for a turn.
            wait_until(lambda: count() > acts, "the flood to go on")
            acts, seconds = count() - acts, time.monotonic() - began
        again = commands_for(measured, QUIET_SECONDS)
        measured.close()
    quiet = min(quiet, again)
    note(f"{acts / seconds:.0f} acts a second; median {quiet[0] * 1e6:.0f} us quiet, {flooded[0] * 1e6:.0f} us flooded; "
         f"99th percentile {quiet[1] * 1e6:.0f} us quiet, {flooded[1] * 1e6:.0f} us flooded")
    check(acts > 0, "there was no flood")
    check_equal(worker_pid(lab.gateway), pid, "the process that holds the queue")
    ratio = flooded[0] / quiet[0]
    check(not DEMANDED or ratio <= DEMANDED, f"a command takes {ratio:.2f} times as long as in quiet")


FLOODS = (
    ("spoofed SYNs", spoofed_syns),
    ("sessions that come and go", functools.partial(sessions_that, "churn", UNLIMITED)),
    ("commands", functools.partial(sessions_that, "noop", UNLIMITED)),
    ("verbs of no RFC", functools.partial(sessions_that, "odd", UNLIMITED)),
    ("offers that are refused, with an event each", functools.partial(sessions_that, "bounce", UNLIMITED)),
    ("offers that are never used", functools.partial(sessions_that, "pasv", UNLIMITED)),
    ("SYNs and ACKs in mid-session", answers_in_mid_session),
    ("repetitions of a line's beginning", repetitions),
    ("reloads", reloads),
)


def main():
    plan = Plan(__doc__)
    for words, flood in FLOODS:
        plan.add(f"a flood of {words} refuses nobody and stops nothing", flood_costs_others_little,
                 flood, fixture=functools.partial(Lab, mode="snat", settings=SETTINGS))
    plan.run()


if __name__ == "__main__":
    main()
