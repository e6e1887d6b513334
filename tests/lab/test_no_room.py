#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A293: the kernel has more to tell than a socket has room for. What it could not tell of data connections is asked for again,
or told as not known, and counted; a packet that found no room is sent again by its sender. The gateway goes on.

The room is made small from outside: a socket is one object, whoever has a descriptor of it.
"""

import contextlib
import ctypes
import os
import signal
import socket
import threading

from process import SLOWNESS, wait_until
from scripted import ScriptedClient
from tap import Plan, Skip, check, check_equal
from test_metrics import fetched, numbers
from test_outcomes import Client, made
from test_supervisor import pair_of
from test_telling import control_of

PIDFD_GETFD = 438
NETLINK_LIST_MEMBERSHIPS = 9
SOL_NETLINK = 270
CONNTRACK_NEW = 1 # group, as NFNLGRP_CONNTRACK_NEW
SMALL = 2048
TRANSFERS = 60
CLIENTS, LINES = 8, 150


@contextlib.contextmanager
def sockets_of(pid):
    """Netfilter's netlink sockets that a process has, each as one of our own, with the groups that it listens to."""
    if os.environ.get("FTPALG_LAB_UID", "0") != "0":
        raise Skip("needs root, who may have what another process has")
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    handle = os.pidfd_open(pid)
    found = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            copy = syscall(PIDFD_GETFD, handle, int(name), 0)
            if copy < 0:
                continue
            with contextlib.suppress(OSError):
                one = socket.socket(fileno=os.dup(copy))
                if one.family == socket.AF_NETLINK:
                    found.append((one, int.from_bytes(one.getsockopt(SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, 4), "little")))
                else:
                    one.close()
            os.close(copy)
        yield found
    finally:
        os.close(handle)
        for one, _ in found:
            one.close()


def shrink(pid, hears):
    """Leaves those sockets of a process that hear what it should next to no room."""
    with sockets_of(pid) as found:
        chosen = [one for one, groups in found if hears(groups)]
        check(chosen, f"none of the {len(found)} sockets")
        for one in chosen:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)


def news_that_have_no_room():
    """Control stands still while transfers come and go, and has room for a few of their news."""
    with made("snat", settings={"gateway": {"metrics": "127.0.0.1:9121", "watchdog": "0"}}) as (lab, _servers), \
            Client(lab, 4, "passive") as client:
        control = control_of(lab.gateway)
        shrink(control, lambda groups: groups >> (CONNTRACK_NEW - 1) & 1)
        since = lab.gateway.position()
        os.kill(control, signal.SIGSTOP)
        try:
            for size in range(TRANSFERS):
                check_equal(client.fetch(size), size, "bytes that were fetched")
                client.expect("226")
        finally:
            os.kill(control, signal.SIGCONT)
        wait_until(lambda: len(lab.gateway.events("transfer", since, client=client.endpoint)) == TRANSFERS,
                   "all transfers to be told", 60 * SLOWNESS)
        events = lab.gateway.events("transfer", since, client=client.endpoint)
        outcomes = [event.get("outcome") for event in events]
        check(set(outcomes) <= {"complete", "unknown", None}, f"outcomes of files that came whole: {outcomes}")
        lengths = [event for event in events if "bytes" in event and event["bytes"] != int(event["path"])]
        check_equal(lengths, [], "files whose length is told, and wrong")
        lost = numbers(fetched(lab))["ftpalg_conntrack_events_lost_total"]
        check(lost > 0, "nothing was lost, so this shows nothing")
        # And it goes on.
        since = lab.gateway.position()
        check_equal(client.fetch(1000), 1000, "bytes that were fetched")
        client.expect("226")
        event = lab.gateway.wait_event("transfer", since, client=client.endpoint)
        check_equal((event["outcome"], event["bytes"]), ("complete", 1000), "the transfer after it")
        print(f"# {TRANSFERS} transfers: {outcomes.count('complete')} complete, {lost:.0f} losses counted", flush=True)


def packets_that_have_no_room():
    """The queue's socket has room for a packet or two, and several clients say much at once."""
    with made("routed", settings={"gateway": {"metrics": "127.0.0.1:9121"}}) as (lab, _servers):
        shrink(pair_of(lab.gateway)[0], lambda groups: groups == 0)
        faults = []

        def talk():
            try:
                with ScriptedClient(lab.client, lab.server_seen(4)) as client:
                    client.socket.settimeout(60 * SLOWNESS)
                    client.login()
                    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for start in range(0, LINES, 10):
                        for _ in range(10):
                            client.send(b"NOOP\r\n")
                        for _ in range(10):
                            client.expect("200")
                        check(start < LINES, "a line of each")
            except Exception as fault:  # pylint: disable=broad-exception-caught
                faults.append(fault)

        threads = [threading.Thread(target=talk) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check_equal(faults, [], "faults of clients")
        dropped = numbers(fetched(lab))['ftpalg_queue_dropped_packets_total{queue="21"}']
        check(dropped > 0, "nothing was dropped, so this shows nothing")
        print(f"# {CLIENTS} clients with {LINES} lines each: {dropped:.0f} packets had no room, and all was answered", flush=True)


def main():
    plan = Plan(__doc__)
    plan.add("a293: news of data connections that have no room are counted, and no outcome is told wrong", news_that_have_no_room)
    plan.add("a293: packets that have no room in the queue's socket are counted and sent again", packets_that_have_no_room)
    plan.run()


if __name__ == "__main__":
    main()
