#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Many sessions and transfers, as fast as two canned ends (tests/bench) have them. Each transfer of a small file is told once,
with what became of it and how long it was; what is not told was counted as lost, and nothing that is told is wrong, even
where the process that tells stands still. And what many short sessions took is given back, or serves those that come next.
"""

import collections
import contextlib
import os
import re
import signal
import threading
import time

from gateway import binary
from lab import Lab
from process import SLOWNESS, TimedOut, titled, wait_until
from tap import Plan, check, check_equal
from test_metrics import fetched, numbers
from test_no_room import CONNTRACK_NEW, SMALL, shrink
from test_telling import control_of, next_control
from transfers import FULL, amount

CLIENTS = 64
EACH = 5
FIRST_CLIENT = "10.7.1.10"
PORT = 21
PROGRAMS = os.path.join(os.path.dirname(binary()), "tests", "bench")
PATIENCE = 60 * SLOWNESS
ENDS = ("fin_wait", "close_wait", "last_ack", "time_wait", "close")
# Rows of ended sessions that the gateway keeps (src/core/tcp/gateway_begin.c), and half as many again.
ENOUGH = 6000
# What a process has of its heap and its stack comes and goes.
ALLOWED = 1 << 20


def make(nat="snat", **settings):
    return Lab(mode=nat, settings={"gateway": {"metrics": "127.0.0.1:9121", **settings}}, forward_all=True)


def serve(lab):
    """The server, and addresses of that many clients."""
    net, _, first = FIRST_CLIENT.rpartition(".")
    for number in range(CLIENTS):
        lab.client.ip(f"address add {net}.{int(first) + number}/24 dev eth0")
    # A port comes again soon, and with another client's clock: a host that still remembers it would not answer.
    for host in (lab.client, lab.server):
        host.sysctl("ipv4/tcp_max_tw_buckets", 0)
    server = lab.server.spawn([os.path.join(PROGRAMS, "server"), lab.addresses[4].server, PORT])
    server.wait_for_output("listening")


def ask(lab, program, *words):
    """{what: number} that a program of tests/bench tells."""
    said = lab.client.run([os.path.join(PROGRAMS, program), *words], timeout=600 * SLOWNESS).stdout
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", said)}


def transfer(lab, seconds):
    made = ask(lab, "transfers", FIRST_CLIENT, CLIENTS, lab.server_seen(4), PORT, seconds, EACH)
    check_equal((made["broken"], made["asked"] - made["complete"]), (0, 0), f"sessions and transfers that failed of {made}")
    check(made["complete"] > 0, "nothing was transferred, so this shows nothing")
    return made["complete"], made["complete"] * 1e6 / made["microseconds"]


def lengths_are_right(events, each):
    """Those that are told, and of each event where nothing was lost."""
    told = [event for event in events if "bytes" in event]
    wrong = [event for event in told if event["bytes"] != int(event["path"])]
    check_equal(wrong[:3], [], f"files of {len(told)} whose length is told, and wrong")
    check(not each or len(told) == len(events), f"{len(events) - len(told)} lengths are not told")


def filtered_are_right(lab, events):
    """
    Connections that begin at the same moment, on two processors, may be given the same port: the kernel drops the first
    packet of one, here and after its pinhole was used. That is what filtered-here says, and nothing else may be it.
    """
    filtered = [event for event in events if event.get("outcome") == "filtered-here"]
    dropped = sum(map(int, re.findall(r"\bdrop=(\d+)", lab.router.output(["conntrack", "-S"]))))
    check(len(filtered) <= dropped, f"{len(filtered)} are filtered here, and conntrack has dropped {dropped}: {filtered[:3]}")
    return [event for event in events if event not in filtered]


def none_is_forgotten(nat):
    with make(nat) as lab:
        serve(lab)
        count, rate = transfer(lab, amount(3, 60))
        wait_until(lambda: len(lab.gateway.events("transfer")) >= count, "all transfers to be told", PATIENCE)
        events = lab.gateway.events("transfer")
        found = numbers(fetched(lab))
        lost = {name: value for name, value in found.items() if "lost" in name and value}
        print(f"# {count} transfers, {rate:.0f} a second, lost {lost}", flush=True)
        check_equal(len(events), count, "transfers that were told")
        events = filtered_are_right(lab, events)
        check_equal(collections.Counter(event["outcome"] for event in events), {"complete": len(events)}, "outcomes")
        lengths_are_right(events, each=not lost)
        check_equal(sum(value for name, value in found.items() if name.startswith("ftpalg_transfers_total")), count, "counted")
        used = len(lab.gateway.events("pinhole-used"))
        check_equal(used, len(events), "offers that were used")


def what_is_lost_is_counted(pause, room):
    """The process that tells stands still, so that the kernel's news, the rings or both have no room. room: of news."""
    with make(watchdog="0") as lab:
        serve(lab)
        control = control_of(lab.gateway)
        if room:
            shrink(control, lambda groups: groups >> (CONNTRACK_NEW - 1) & 1)
        made = []
        load = threading.Thread(target=lambda: made.append(transfer(lab, pause + amount(3, 20))))
        load.start()
        wait_until(lambda: lab.gateway.events("transfer"), "transfers", PATIENCE)
        os.kill(control, signal.SIGSTOP)
        time.sleep(pause)
        os.kill(control, signal.SIGCONT)
        load.join()
        count, rate = made[0]

        def told(name):
            return sum(event["count"] for event in lab.gateway.events(name))

        def losses_are_told():
            found = numbers(fetched(lab))
            return (told("events-lost") == found['ftpalg_events_lost_total{sink="control"}'] and
                    told("news-lost") == found["ftpalg_conntrack_events_lost_total"])
        wait_until(lambda: len(lab.gateway.events("transfer")) + told("events-lost") >= count, "what is not lost", PATIENCE)
        wait_until(losses_are_told, "the events of what was lost", PATIENCE, 0.1)
        # It tells all that it still has.
        lab.gateway.stop()
        lost, news = told("events-lost"), told("news-lost")
        events = lab.gateway.events("transfer")
        outcomes = collections.Counter(event.get("outcome", "unknown") for event in events)
        print(f"# {count} transfers, {rate:.0f} a second; told {dict(outcomes)}; lost {lost} events, {news} news", flush=True)
        check(lost + news > 0 or not room, "nothing was lost, so this shows nothing")
        seen = filtered_are_right(lab, events)
        check({event.get("outcome") for event in seen} <= {"complete", None}, f"outcomes of files that came whole: {outcomes}")
        lengths_are_right(seen, each=False)
        check(0 <= count - len(events) <= lost, f"{count - len(events)} transfers are not told, and {lost} events are lost")
        check_equal(len(lab.gateway.events("pinhole-close", reason="filtered-here")), len(events) - len(seen),
                    "offers of which this host is blamed")


def who_tells_is_killed(seconds):
    """
    At work, again and again. What the one before had read, and what the kernel dropped meanwhile, the next one does not
    know: so it says nothing that rests on it.
    """
    with make(watchdog="0") as lab:
        serve(lab)
        made = []
        load = threading.Thread(target=lambda: made.append(transfer(lab, seconds)))
        load.start()
        while load.is_alive():
            before, control = lab.gateway.position(), control_of(lab.gateway)
            with contextlib.suppress(TimedOut):
                wait_until(lambda: lab.gateway.events("transfer", before) or not load.is_alive(), "transfers", PATIENCE)
            os.kill(control, signal.SIGKILL)
            next_control(lab.gateway, control)
        load.join()
        count, rate = made[0]

        def lost():
            return sum(event["count"] for event in lab.gateway.events("events-lost"))
        wait_until(lambda: len(lab.gateway.events("transfer")) + lost() >= count, "what is not lost", PATIENCE)
        lab.gateway.stop()
        events = lab.gateway.events("transfer")
        outcomes = collections.Counter(event.get("outcome", "unknown") for event in events)
        news = sum(event["count"] for event in lab.gateway.events("news-lost"))
        print(f"# {count} transfers, {rate:.0f} a second; told {dict(outcomes)}; lost {lost()} events, {news} news", flush=True)
        seen = filtered_are_right(lab, events)
        check({event.get("outcome") for event in seen} <= {"complete", None}, f"outcomes of files that came whole: {outcomes}")
        lengths_are_right(seen, each=False)


def processes(lab):
    """{title: pid}"""
    names = ("ftpalg-worker", "ftpalg-broker", "ftpalg-control")
    return {name: pid for name in names for pid in titled(lab.gateway.process.pid, name)}


def anonymous(pid):
    """Bytes of memory that are a process's own."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:")) * 1024


def has_now(lab):
    """What the gateway has: memory and descriptors of each process, and what the kernel has for it."""
    found = processes(lab)
    memory = {name: anonymous(pid) for name, pid in found.items()}
    descriptors = {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in found.items()}
    return memory, descriptors


def entries(lab):
    return len(lab.control_connections()) + len(lab.expectations())


def short_sessions(lab, count):
    done = 0
    while done < count:
        made = ask(lab, "load", "sessions", FIRST_CLIENT, CLIENTS, lab.server_seen(4), PORT, 1, 0)
        check_equal(made["broken"], 0, "sessions that broke off")
        done += made["complete"]
    return done


def sessions_leave_nothing():
    with make(events="none") as lab:
        serve(lab)
        # What rounds leave in conntrack is no burden of the next.
        for state in ENDS:
            lab.router.sysctl(f"netfilter/nf_conntrack_tcp_timeout_{state}", 1)
        short_sessions(lab, ENOUGH)
        memory, descriptors = has_now(lab)
        count = short_sessions(lab, amount(3 * ENOUGH, 100_000))
        wait_until(lambda: numbers(fetched(lab))["ftpalg_sessions"] == 0, "the end of all sessions", PATIENCE)
        wait_until(lambda: entries(lab) == 0, "conntrack to forget them", PATIENCE)
        now, descriptors_now = has_now(lab)
        print(f"# {count} sessions after the first {ENOUGH}: {memory} before, {now} now", flush=True)
        check_equal(descriptors_now, descriptors, "descriptors")
        grown = {name: now[name] - size for name, size in memory.items() if now[name] > size + ALLOWED}
        check_equal(grown, {}, "bytes that processes have grown by")


def main():
    plan = Plan(__doc__)
    for nat in ("snat", "routed", "dnat", "both") if FULL else ("snat",):
        plan.add(f"of many small transfers none is forgotten: {nat}", none_is_forgotten, nat)
    plan.add("a366: news of data connections that have no room for two seconds are counted, and no outcome is told wrong",
             what_is_lost_is_counted, 2, SMALL)
    plan.add("a387: who tells is killed at work again and again, and no outcome is told wrong", who_tells_is_killed, amount(6, 60))
    for pause in (1, 3, 8) if FULL else ():
        plan.add(f"a366, a367: what finds no room in {pause} s without a reader is counted, and no outcome is told wrong",
                 what_is_lost_is_counted, pause, None)
    plan.add("a365: many short sessions leave memory, descriptors, expectations and flows where they were", sessions_leave_nothing)
    plan.run()


if __name__ == "__main__":
    main()
