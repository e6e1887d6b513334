#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The supervisor keeps a worker and its broker running: where one dies or hangs, both are replaced, none outlives its
supervisor, and sessions go on with the next ones.
"""

import contextlib
import functools
import os
import re
import signal
import time

from gateway import binary
from lab import Lab
from process import SLOWNESS, is_gone, titled, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal

WATCHDOG = round(2 * SLOWNESS)


def pair_of(gateway):
    """The worker and its broker."""
    def find():
        pair = [pid for name in ("worker", "broker") for pid in titled(gateway.process.pid, f"ftpalg-{name}")]
        return pair if len(pair) == 2 else None
    return wait_until(find, "a worker and its broker")


def worker_of(gateway):
    return pair_of(gateway)[0]


def starts(gateway):
    return gateway.process.output().count("ftpalg: ready")


@contextlib.contextmanager
def session(lab, family):
    """A client that has logged in."""
    with ScriptedServer(lab.server, lab.addresses[family].server), \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        yield client


def replaced_after(lab, family, number, which=0):
    """number, sent to the worker or its broker, makes the supervisor replace both; a session that was open goes on."""
    gateway = lab.gateway
    with session(lab, family) as client:
        check_equal(client.list_active(), LISTING, "the listing before")
        began, pair = starts(gateway), pair_of(gateway)
        os.kill(pair[which], number)
        wait_until(lambda: starts(gateway) == began + 1, "the next worker", WATCHDOG + 10)
        check(all(is_gone(pid) for pid in pair), "the old worker or its broker is still there")
        check_equal(client.list_active(), LISTING, "the listing with the next worker")
        check_equal(client.list_passive(), LISTING, "a passive listing with the next worker")


def busy_worker_is_left_alone(lab, family):
    """A worker that works, or has nothing to do, moves for its supervisor."""
    began = starts(lab.gateway)
    with session(lab, family) as client:
        deadline = time.monotonic() + WATCHDOG + 2 * SLOWNESS
        while time.monotonic() < deadline:
            client.command(b"NOOP", "200")
    time.sleep(WATCHDOG + 2 * SLOWNESS)
    check_equal(starts(lab.gateway), began, "starts of a worker")


def killed_supervisor_takes_its_worker_along(lab):
    gateway = lab.gateway
    pair = pair_of(gateway)
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait()
    wait_until(lambda: all(is_gone(pid) for pid in pair), "the end of the worker and its broker")
    gateway.process = None
    gateway.start()


def signals_of_the_whole_group(lab):
    """A terminal's SIGINT, or a service manager's SIGTERM, comes to all: the broker stays until its worker has ended."""
    gateway = lab.gateway
    for pid in (pair_of(gateway)[1], gateway.process.pid):
        os.kill(pid, signal.SIGTERM)
    check_equal(gateway.process.wait(), 0, "the exit status")
    check("ftpalg: stopped" in gateway.process.output(), "the worker did not end by itself")
    gateway.process = None
    gateway.start()


def sockets_of(pid):
    names = (os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd") if int(name) > 2)
    return {name for name in names if name.startswith("socket:")}


def alone_with_each_other(lab):
    """The two ends of the channel, and the queue's socket, are the only things that both have."""
    pair = pair_of(lab.gateway)
    held = [{os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd") if int(name) > 2}
            for pid in pair]
    shared = {name for name in held[0] & held[1] if name.startswith("socket:")}
    check_equal(len(shared), 1, f"sockets that both have ({shared})")
    check_equal(len([name for name in held[1] if not name.startswith("socket:") and not name.startswith("/")]), 0,
                f"what else the broker has: {held[1]}")
    check(not (sockets_of(lab.gateway.process.pid) & (sockets_of(pair[0]) | sockets_of(pair[1]))),
          "the supervisor has kept an end")


def a_reload_reaches_the_broker(lab):
    """A policy that is read again is the broker's too: what it allows now is not refused, and after a death neither."""
    gateway = lab.gateway
    with open(gateway.configuration, encoding="ascii") as file:
        text = file.read()
    for allowed in (False, True):
        with open(gateway.configuration, "w", encoding="ascii") as file:
            file.write(text + f"[policy]\npassive = {'yes' if allowed else 'no'}\n")
        before = gateway.process.output().count("reloaded: ")
        os.kill(gateway.process.pid, signal.SIGHUP)
        wait_until(lambda: gateway.process.output().count("reloaded: ") > before, "the policy")
        with session(lab, 4) as client:
            if allowed:
                check_equal(client.list_passive(), LISTING, "a passive listing")
            else:
                client.command(b"PASV", "5")
    began = starts(gateway)
    os.kill(worker_of(gateway), signal.SIGKILL)
    wait_until(lambda: starts(gateway) == began + 1, "the next worker", WATCHDOG + 10)
    with session(lab, 4) as client:
        check_equal(client.list_passive(), LISTING, "a passive listing with the next worker")
    check("refused a request" not in gateway.process.output(), "the broker has refused something")


def a_second_one_hears_who_has_the_queue(lab):
    with open(lab.gateway.configuration, encoding="ascii") as file:
        text = file.read()
    # Nothing of the first one's but the queue.
    with open(lab.path("second.conf"), "w", encoding="ascii") as file:
        file.write("\n".join(line for line in text.splitlines() if not line.startswith(("monitor", "control ", "events")))
                   .replace("[gateway]", "[gateway]\nmonitor = none\ncontrol = none"))
    done = lab.router.run([binary(), "run", "-c", lab.path("second.conf")], check=False)
    check_equal(done.returncode, 1, "the exit status")
    check(re.search(r'queue 21 is taken by "ftpalg-(worker|broker)" \(process \d+\)', done.stderr), done.stderr)
    with session(lab, 4) as client:
        check_equal(client.list_active(), LISTING, "a listing with the first one")


def polite_end(lab):
    gateway = lab.gateway
    pair = pair_of(gateway)
    gateway.stop()
    check(all(is_gone(pid) for pid in pair), "the worker or its broker is still there")
    gateway.start()


def main():
    plan = Plan(__doc__)
    guarded = functools.partial(Lab, mode="snat", settings={"gateway": {"watchdog": str(WATCHDOG)}})
    for family in (4, 6):
        plan.add(f"a worker that was killed is replaced, and its session goes on (IPv{family})", replaced_after, family,
                 signal.SIGKILL, fixture=guarded)
    plan.add("a worker that hangs is killed and replaced, and its session goes on", replaced_after, 4, signal.SIGSTOP,
             fixture=guarded)
    plan.add("a broker that was killed is replaced, and its worker with it", replaced_after, 4, signal.SIGKILL, 1,
             fixture=guarded)
    plan.add("a broker that hangs is killed and replaced, and its worker with it", replaced_after, 4, signal.SIGSTOP, 1,
             fixture=guarded)
    plan.add("a broker ends after its worker", signals_of_the_whole_group, fixture=guarded)
    plan.add("worker and broker share the channel and the queue", alone_with_each_other, fixture=guarded)
    plan.add("a policy that is read again reaches both", a_reload_reaches_the_broker, fixture=guarded)
    plan.add("a second gateway does not start, and says who has the queue", a_second_one_hears_who_has_the_queue, fixture=guarded)
    plan.add("a worker that works or waits is left alone", busy_worker_is_left_alone, 4, fixture=guarded)
    plan.add("a worker does not outlive its supervisor", killed_supervisor_takes_its_worker_along, fixture=guarded)
    plan.add("SIGTERM ends both", polite_end, fixture=guarded)
    plan.run()


if __name__ == "__main__":
    main()
