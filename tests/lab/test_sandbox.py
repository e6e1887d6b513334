#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What hinders the gateway from giving up rights, or from sending a packet, as service managers and hosts do it: the message
names the cause, and what mends it. Nobody should have to look into a trace of system calls for that.

Builds with sanitizers have no filter of system calls of their own, so that part is for the release build.
"""

import contextlib
import functools
import os
import sys

from gateway import binary
from lab import Lab
from process import wait_until
from scripted import ScriptedClient, ScriptedServer
from tap import Plan, Skip, check
from test_captive import is_sanitized

FILTERED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "filtered.py")
AS_ANOTHER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_admin,+net_raw",
              "--ambient-caps=+net_admin,+net_raw"]
WITHOUT_SETUID = ["setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid"]


def needs_root():
    if os.environ.get("FTPALG_LAB_UID", "0") != "0":
        raise Skip("only root can start as another user, or attach a filter")


def failure(lab, *before):
    """Starts the gateway, which ends with a message."""
    with open(lab.gateway.configuration, encoding="ascii") as file:
        text = file.read()
    # Nothing that another user could not write.
    with open(lab.path("sandbox.conf"), "w", encoding="ascii") as file:
        file.write("".join(line for line in text.splitlines(True) if not line.startswith("events")))
    os.chmod(lab.directory, 0o755)
    done = lab.router.run([*before, binary(), "run", "-c", lab.path("sandbox.conf")], check=False, timeout=60)
    check(done.returncode != 0, f"it runs: {done.stderr}")
    return done.stderr


def names_the_filter(lab, call, before):
    needs_root()
    if call == "seccomp" and is_sanitized():
        raise Skip("this build has no filter of system calls")
    said = failure(lab, *before, sys.executable, FILTERED, call)
    check(f"refuses {call}(2)" in said and f"SystemCallFilter={call}" in said, said)
    check("CONFIG_SECCOMP" not in said, said)


def names_the_filter_that_kills(lab):
    needs_root()
    said = failure(lab, sys.executable, FILTERED, "-k", "capset")
    check("Bad system call" in said and "by the filter of system calls that it was started with" in said, said)


def names_the_missing_right(lab):
    needs_root()
    said = failure(lab, *WITHOUT_SETUID)
    check("without CAP_SETUID and CAP_SETGID" in said and 'user = none' in said, said)


def names_the_missing_capability(lab):
    needs_root()
    said = failure(lab, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    check("CAP_NET_ADMIN" in said, said)


def held_session(lab):
    """Half a command is acknowledged, which takes a packet of the gateway's own. Returns what it says of that."""
    with ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        client.send(b"PORT 10,0")
        return wait_until(lambda: [line for line in lab.gateway.process.output().splitlines() if "can't send a reset" in line],
                          "the message")[0]


def names_what_stops_packets(lab, confined):
    """The gateway's own packets don't leave: for a rule of the output hook, or for the control group that it was started
    in."""
    needs_root()
    program = [binary(), "run", "-c", lab.gateway.configuration]
    if confined:
        os.mkdir(lab.path("cgroup"))
        program = [sys.executable, FILTERED, "-c", lab.path("cgroup"), *program]
    else:
        lab.router.run(["iptables", "-I", "OUTPUT", "-p", "tcp", "-j", "DROP"])
    lab.gateway.process = lab.router.spawn(program)
    lab.gateway.process.wait_for_output("ftpalg: ready")
    said = held_session(lab)
    check("output hook" in said and "IPAddressDeny=" in said, said)


@contextlib.contextmanager
def idle_lab():
    """The rules, and no daemon yet."""
    with Lab(mode="snat", daemon=False) as lab:
        yield lab
        if lab.gateway.process:
            lab.gateway.process.stop()
            lab.gateway.process = None


def main():
    plan = Plan(__doc__)
    for call in ("capset", "seccomp"):
        plan.add(f"a191: a filter that refuses {call} is named", names_the_filter, call, [], fixture=idle_lab)
        plan.add(f"a191: a filter that refuses {call} is named to an ordinary user who has capabilities", names_the_filter, call,
                 AS_ANOTHER, fixture=idle_lab)
    plan.add("a191: a filter that kills is named", names_the_filter_that_kills, fixture=idle_lab)
    plan.add("a191: root without the right to become another user is told so", names_the_missing_right, fixture=idle_lab)
    plan.add("a191: a missing capability is named", names_the_missing_capability, fixture=idle_lab)
    for confined, what in ((False, "a rule of the output hook"), (True, "a control group's filter")):
        plan.add(f"a191: what stops its packets is named: {what}", functools.partial(names_what_stops_packets, confined=confined),
                 fixture=functools.partial(idle_lab))
    plan.run()


if __name__ == "__main__":
    main()
