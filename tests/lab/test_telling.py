#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who tells what happens is a process of its own: its death and its hanging cost no session and no event, and it tells what
others have left who died, or who ended with all.

    worker --records--> control --> events
      |  never waits       |
      +--- packets         +-- killed, stopped, told to open its file again
"""

import contextlib
import functools
import mmap
import os
import re
import signal
import struct
import threading
import time

from gateway import binary
from lab import Lab
from process import SLOWNESS, children, is_gone, titled, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, Skip, check, check_equal, check_in_time
from test_supervisor import pair_of, session, starts

WATCHDOG = round(2 * SLOWNESS)


def control_of(gateway):
    """The process that tells."""
    found = wait_until(lambda: titled(gateway.process.pid, "ftpalg-control"), "control")
    check_equal(len(found), 1, "processes that tell")
    return found[0]


def next_control(gateway, old):
    wait_until(lambda: is_gone(old), "the end of the one before", WATCHDOG + 10)
    return control_of(gateway)


def works(lab, family=4):
    """A session with a listing, which takes no longer than it should. Its events are those of its client."""
    began = time.monotonic()
    with session(lab, family) as client:
        check_equal(client.list_active(), LISTING, "the listing")
        check_in_time(time.monotonic() - began, SLOWNESS, "a session")
        return f"{client.local_port}"


def is_told(gateway, since, port, names=("session-open", "login", "pinhole-open", "transfer", "session-close")):
    """All of a session is told, once, in its order."""
    def find():
        found = [event["event"] for event in gateway.events(since=since) if port in client_of(event)]
        return found if "session-close" in found else None
    found = wait_until(find, "the end of the session")
    for name in names:
        check_equal(found.count(name), 1, f"events {name} among {found}")
    check(found[0] == "session-open" and found[-1] == "session-close", f"the order is {found}")


def client_of(event):
    """The client's port."""
    return str(event.get("client_port", ""))


def killed(lab, number):
    """It dies, or hangs and is killed; what happened meanwhile is told, and no other process has noticed."""
    gateway = lab.gateway
    pair, began, since = pair_of(gateway), starts(gateway), gateway.position()
    old = control_of(gateway)
    ports = [works(lab)]
    with session(lab, 4) as client:
        os.kill(old, number)
        ports += [works(lab, 6) for _ in range(5)]
        check_equal(client.list_active(), LISTING, "the listing of a session that was open")
        ports.append(f"{client.local_port}")
    next_control(gateway, old)
    ports.append(works(lab))
    for port in ports:
        is_told(gateway, since, port, ("session-open", "login", "transfer", "session-close"))
    check_equal(pair_of(gateway), pair, "the worker and its broker")
    check_equal(starts(gateway), began, "starts of a worker")
    check(not gateway.events("events-lost", since), "events were lost")


def killed_at_work(lab):
    """It dies again and again while there is much to tell: nothing is told twice, and of nothing its end is missing."""
    gateway = lab.gateway
    since = gateway.position()
    ports = []
    for _ in range(3):
        old = control_of(gateway)
        ports += [works(lab) for _ in range(3)]
        os.kill(old, signal.SIGKILL)
        next_control(gateway, old)
        wait_until(lambda old=old: control_of(gateway) != old, "the next one")
    wait_until(lambda: len([port for port in ports if any(client_of(event) == port and event["event"] == "session-close"
                                                         for event in gateway.events(since=since))]) >= len(ports) - 3,
               "the sessions' ends")
    for port in ports:
        found = [event["event"] for event in gateway.events("session-open", since) if client_of(event) == port]
        check(len(found) <= 1, f"{len(found)} beginnings of one session")


def killed_under_load(lab):
    """What it had taken and not written dies with it, and the next one says how much that was at most."""
    gateway = lab.gateway
    since = gateway.position()
    made, stop = [], threading.Event()

    def visit():
        while not stop.is_set():
            with ScriptedClient(lab.client, lab.server_seen(4)) as client:
                client.login()
                made.append(1)

    threads = [threading.Thread(target=visit) for _ in range(4)]
    with ScriptedServer(lab.server, lab.addresses[4].server):
        for thread in threads:
            thread.start()
        for _ in range(20):
            # In the middle of its work, or nearly: it has just told something.
            before, old = gateway.position(), control_of(gateway)
            gateway.wait_event("session-open", before)
            os.kill(old, signal.SIGKILL)
            next_control(gateway, old)
        stop.set()
        for thread in threads:
            thread.join()
    last = works(lab)
    wait_until(lambda: [event for event in gateway.events("session-close", since) if client_of(event) == last], "the last end")

    def missing():
        return sum(len(made) + 1 - len(gateway.events(name, since)) for name in ("session-open", "session-close"))

    def lost():
        return sum(event["count"] for event in gateway.events("events-lost", since))

    wait_until(lambda: missing() <= lost(), "all that is missing to be told as lost")
    check(missing() >= 0, "some are told twice")
    print(f"# of {len(made) + 1} sessions {missing()} beginnings and ends are missing; {lost()} events at most are told as lost", flush=True)


def worker_dies(lab):
    """What a worker has left that is killed while nobody reads is told, and then what the next one tells."""
    gateway = lab.gateway
    since, began = gateway.position(), starts(gateway)
    control = control_of(gateway)
    os.kill(control, signal.SIGSTOP)
    port = works(lab)
    os.kill(pair_of(gateway)[0], signal.SIGKILL)
    wait_until(lambda: starts(gateway) == began + 1, "the next worker")
    later = works(lab)
    os.kill(control, signal.SIGCONT)
    for client in (port, later):
        wait_until(lambda client=client: client in map(client_of, gateway.events("transfer", since)), "a transfer")
    numbers = [event["session"] for event in gateway.events("session-open", since)]
    check_equal(len(set(numbers)), len(numbers), f"numbers of sessions: {numbers}")


def moved_away(lab):
    """Log rotation: SIGUSR1 has it go on in a new file. What came before is in the old one."""
    gateway = lab.gateway
    since = gateway.position()
    is_told(gateway, since, works(lab))
    before = gateway.events()
    old = gateway.events_path + ".1"
    os.rename(gateway.events_path, old)
    with session(lab, 4) as client:
        port = f"{client.local_port}"
        os.kill(gateway.process.pid, signal.SIGUSR1)
        wait_until(lambda: os.path.exists(gateway.events_path), "the new file")
        wait_until(lambda: "opened again" in gateway.process.output(), "the message")
    wait_until(lambda: any(client_of(event) == port and event["event"] == "session-close" for event in gateway.events()),
               "the end of the session in the new file")
    with open(old, encoding="utf-8") as file:
        check(len(file.read().splitlines()) >= len(before), "the old file has lost something")
    # The next one that tells has the new file too.
    dead = control_of(gateway)
    os.kill(dead, signal.SIGKILL)
    next_control(gateway, dead)
    since = gateway.position()
    is_told(gateway, since, works(lab))


def nowhere_to_go(lab):
    """Where the new file can't be made, events go where they went, and somebody says so."""
    gateway = lab.gateway
    since = gateway.position()
    aside = gateway.events_path + ".aside"
    os.rename(gateway.events_path, aside)
    os.mkdir(gateway.events_path)
    try:
        os.kill(gateway.process.pid, signal.SIGUSR1)
        wait_until(lambda: "can't open the events file" in gateway.process.output(), "the message")
    finally:
        os.rmdir(gateway.events_path)
        os.rename(aside, gateway.events_path)
    is_told(gateway, since, works(lab))


def ends_told(gateway, since):
    """
    The ports of the clients whose sessions ended with the service. What an earlier client said last may have come when there
    was none, and then the next gateway has adopted its session.
    """
    return [client_of(event) for event in gateway.events("session-close", since, reason="shutdown")]


def all_are_told_to_end(lab):
    """A service manager's SIGTERM comes to each process: the ends of the sessions are told all the same."""
    gateway = lab.gateway
    since = gateway.position()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(session(lab, family)) for family in (4, 6)]
        gateway.wait_events(2, "login", since)
        pids = [*children(gateway.process.pid), gateway.process.pid]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # the broker ends with its worker
                os.kill(pid, signal.SIGTERM)
        check_equal(gateway.process.wait(), 0, "the exit status")
        check(all(is_gone(pid) for pid in pids), "a process is still there")
        ends = ends_told(gateway, since)
        for client in clients:
            check_equal(ends.count(f"{client.local_port}"), 1, "ends of a session that were told")
    gateway.process = None
    gateway.start()


def dies_over_the_end(lab):
    """It is killed when all others have ended: the next one tells what is left."""
    gateway = lab.gateway
    since = gateway.position()
    with session(lab, 4) as client:
        gateway.wait_event("login", since)
        control = control_of(gateway)
        os.kill(control, signal.SIGSTOP)
        os.kill(gateway.process.pid, signal.SIGTERM)
        wait_until(lambda: not titled(gateway.process.pid, "ftpalg-worker"), "the end of the worker")
        os.kill(control, signal.SIGKILL)
        check_equal(gateway.process.wait(), 0, "the exit status")
        check_equal(ends_told(gateway, since).count(f"{client.local_port}"), 1, "ends of the session that were told")
    gateway.process = None
    gateway.start()


def numbers_over_restarts(lab):
    """A session's number is no other's, whichever process or life of the service it belongs to."""
    gateway = lab.gateway
    numbers = []
    for end in (gateway.kill, gateway.stop, None):
        since = gateway.position()
        for family in (4, 6):
            works(lab, family)
        numbers += [event["session"] for event in gateway.wait_events(2, "session-open", since)]
        if end:
            end()
            gateway.start()
    # Those of sessions before this statement may come late, and count as well.
    check(len(numbers) >= 6, f"numbers: {numbers}")
    check_equal(len(set(numbers)), len(numbers), f"numbers: {numbers}")


def killed_by_an_administrator(lab):
    """One session ends: its peers are reset, its end is told with the reason, and another one goes on."""
    gateway = lab.gateway
    since = gateway.position()
    with session(lab, 4) as client, session(lab, 6) as other:
        # Sessions of the statement before may be told as ended only now.
        number = gateway.wait_event("login", since, client_port=client.local_port)["session"]
        lab.router.run([binary(), "kill", "--socket", gateway.control, number])
        end = gateway.wait_event("session-close", since, session=number)
        check_equal(end["reason"], "killed", "the end that is told")
        client.socket.settimeout(10 * SLOWNESS)
        try:
            check(False, f"the client reads {client.socket.recv(4096)!r}")
        except ConnectionResetError:
            other.command(b"NOOP", "200")


def no_right_to_anything(lab):
    """It has no capability, and the pages of no process."""
    if os.environ.get("FTPALG_LAB_UID", "0") != "0":
        raise Skip("needs root, who may look into other processes")
    control = control_of(lab.gateway)
    with open(f"/proc/{control}/status", encoding="ascii") as file:
        status = file.read()
    for name in ("CapEff", "CapPrm", "CapAmb"):
        check_equal(int(re.search(rf"{name}:\s*(\w+)", status)[1], 16), 0, name)
    names = [os.readlink(f"/proc/{control}/fd/{name}") for name in os.listdir(f"/proc/{control}/fd")]
    check(not [name for name in names if "memfd:" in name], f"it has {names}")


NOTICE, BEGIN = 1, 2


class Ring:
    """The worker's ring, in the hands of somebody who writes what he likes (src/record/ring.c draws it)."""

    RECORDS, TAIL, HEAD = 4096, 64, 128

    def __init__(self, gateway):
        if os.environ.get("FTPALG_LAB_UID", "0") != "0":
            raise Skip("needs root, who may open what a process has")
        folder = f"/proc/{pair_of(gateway)[0]}/fd"
        names = [name for name in os.listdir(folder) if "memfd:" in os.readlink(f"{folder}/{name}")]
        check_equal(len(names), 1, "memory of the worker's that is a ring")
        with open(f"{folder}/{names[0]}", "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.size = len(self.memory) - self.RECORDS

    def number(self, place):
        return struct.unpack_from("=Q", self.memory, place)[0]

    def put(self, kind, number=0, fields=()):
        """One record, as soon as there is room for it."""
        text = b"".join(struct.pack("=HH", tag, len(value)) + value for tag, value in fields)
        record = struct.pack("=IIQ", 16 + len(text), kind, number) + text
        record += bytes(-len(record) % 8)
        wait_until(lambda: self.number(self.TAIL) - self.number(self.HEAD) + len(record) <= self.size, "room in the ring")
        tail = self.number(self.TAIL)
        for at, byte in enumerate(record):
            self.memory[self.RECORDS + (tail + at) % self.size] = byte
        struct.pack_into("=Q", self.memory, self.TAIL, tail + len(record))

    def is_read(self):
        wait_until(lambda: self.number(self.TAIL) == self.number(self.HEAD), "all to be read")


def begins_without_end(lab):
    """Each process has some lines of the log for each reason, and a worker that is somebody's is one process whatever it
    says."""
    gateway = lab.gateway
    control = control_of(gateway)
    ring = Ring(gateway)
    refusal = ((1, b"refuse\0"), (2, b"malformed\0"), (5, struct.pack("=Q", 1)))
    for number in range(400):
        ring.put(BEGIN, (1000 + number) << 32)
        for _ in range(6):
            ring.put(NOTICE, int(time.time() * 1000000), refusal)
    ring.is_read()
    works(lab)
    said = wait_until(lambda: gateway.process.output() if "makes no sense" in gateway.process.output() else None, "the message")
    lines = said.count("refused: ")
    check(lines <= 5 * 40, f"{lines} lines for what one process had refused")
    check_equal(control_of(gateway), control, "the process that tells")


def main():
    plan = Plan(__doc__)
    guarded = functools.partial(Lab, mode="snat", settings={"gateway": {"watchdog": str(WATCHDOG)}})
    plan.add("a195: who tells is killed: no session is lost and no event", killed, signal.SIGKILL, fixture=guarded)
    plan.add("a195: who tells hangs: likewise", killed, signal.SIGSTOP, fixture=guarded)
    plan.add("a195: who tells is killed again and again: nothing is told twice", killed_at_work, fixture=guarded)
    plan.add("a291: who tells is killed over its work: what is lost is told", killed_under_load, fixture=guarded)
    plan.add("a195: a worker is killed whose events nobody has read: they are told", worker_dies,
             fixture=functools.partial(Lab, mode="snat", settings={"gateway": {"watchdog": "60"}}))
    plan.add("a195: SIGUSR1: the file of events is opened again", moved_away, fixture=guarded)
    plan.add("a195: SIGUSR1 where no file can be made changes nothing", nowhere_to_go, fixture=guarded)
    plan.add("a195: SIGTERM to each process: the last events are told", all_are_told_to_end, fixture=guarded)
    plan.add("a195: who tells is killed over the end: the last events are told", dies_over_the_end, fixture=guarded)
    plan.add("a195: numbers of sessions are unique over deaths and restarts", numbers_over_restarts, fixture=guarded)
    plan.add("a195: an administrator ends a session: its peers are reset", killed_by_an_administrator, fixture=guarded)
    plan.add("a195: who tells has no right to anything", no_right_to_anything, fixture=guarded)
    plan.add("a237: a worker that says without end that it begins has the lines of one", begins_without_end, fixture=guarded)
    plan.run()


if __name__ == "__main__":
    main()
