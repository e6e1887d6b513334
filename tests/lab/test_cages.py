#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A206: what code could do in the sandbox of each process of the service, when somebody has taken that process over.

tests/lab/caged.c is that code. It enters the sandbox as the worker, the broker, control, the keys process, the proxy, the
resolver or a probe does, and tries one thing. What a process needs succeeds, which shows that the rest is refused for what
it is.

Builds with sanitizers go without the filter of system calls, so most of this is for the release build. The supervisor has no
sandbox: it reads nothing from a peer, and its unit confines it (tests/make/test_deb.py).
"""

import os
import signal
import socket
import subprocess

from gateway import binary
from tap import Plan, Skip, check, check_equal, enter_lab
from test_captive import is_sanitized, status_of

CAGED = os.path.join(os.path.dirname(binary()), "tests", "lab", "caged")
USER = "" if os.environ.get("FTPALG_LAB_UID", "0") != "0" else "nobody"
KINDS = ("worker", "broker", "control", "keys", "proxy", "resolver", "probe")
# Who refuses instead of ending: which modules look up names is the host's choice.
REFUSED = ("call=Operation not permitted", 0)
NET_ADMIN = 1 << 12
NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_AUDIT = 0, 12, 9
READ, WRITE, EXECUTE = 1, 2, 4
# The numbers that nobody has a use for: other processes, other namespaces, the kernel, files' names, rights.
FORBIDDEN = {"execve": 59, "execveat": 322, "fork": 57, "vfork": 58, "clone3": 435, "ptrace": 101, "process_vm_readv": 310,
             "process_vm_writev": 311, "kill": 62, "tgkill": 234, "pidfd_open": 434, "setuid": 105, "setresuid": 117, "capset": 126,
             "unshare": 272, "setns": 308, "mount": 165, "pivot_root": 155, "chroot": 161, "bpf": 321, "perf_event_open": 298,
             "io_uring_setup": 425, "userfaultfd": 323, "keyctl": 250, "init_module": 175, "unlink": 87, "rename": 82, "mkdir": 83,
             "link": 86, "symlink": 88, "chmod": 90, "chown": 92, "truncate": 76, "mknod": 133, "open": 2, "creat": 85,
             "memfd_create": 319, "seccomp": 317, "prctl": 157, "personality": 135, "reboot": 169, "socketpair": 53,
             "sched_setaffinity": 203, "sched_getaffinity": 204}
# Of those that a process may do: what it is for.
MAY_READ_FILES = ("worker", "control", "proxy", "resolver", "probe")
MAY_CONNECT = ("proxy", "resolver", "probe")


def try_(kind, *arguments):
    """Returns (its answer, the signal that ended it or 0)."""
    done = subprocess.run([CAGED, USER, kind, *map(str, arguments)], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    check(done.returncode <= 0, f"{kind} {arguments}: status {done.returncode}: {done.stderr}")
    return done.stdout.strip(), -done.returncode


def denied(kind, what):
    """How something is denied to it."""
    return (f"{what}=Operation not permitted", 0) if kind == "resolver" else ("", signal.SIGSYS)


def needs_filter():
    if is_sanitized():
        raise Skip("a build with sanitizers goes without the filter")
    if os.uname().machine != "x86_64":
        raise Skip("the numbers of system calls are those of x86-64")


def calls(kind):
    needs_filter()
    for name, number in FORBIDDEN.items():
        check_equal(try_(kind, "call", number), denied(kind, "call"), name)


def sockets(kind):
    """Netlink least of all: netfilter's, which some have, is open already."""
    needs_filter()
    inet = ("socket=done", 0) if kind in MAY_CONNECT else denied(kind, "socket")
    for family in (socket.AF_INET, socket.AF_INET6):
        check_equal(try_(kind, "socket", int(family), int(socket.SOCK_STREAM), 0), inet, f"a socket of family {family}")
    unix = ("socket=done", 0) if kind == "resolver" else denied(kind, "socket")
    check_equal(try_(kind, "socket", int(socket.AF_UNIX), int(socket.SOCK_STREAM), 0), unix, "a Unix socket")
    for protocol in (NETLINK_NETFILTER, NETLINK_AUDIT):
        check_equal(try_(kind, "socket", int(socket.AF_NETLINK), int(socket.SOCK_RAW), protocol), denied(kind, "socket"),
                    f"netlink {protocol}")
    route = ("socket=done", 0) if kind == "resolver" else denied(kind, "socket")
    check_equal(try_(kind, "socket", int(socket.AF_NETLINK), int(socket.SOCK_RAW), NETLINK_ROUTE), route, "routing's netlink")
    check_equal(try_(kind, "socket", int(socket.AF_PACKET), int(socket.SOCK_RAW), 0), denied(kind, "socket"), "a packet socket")


def raw_sockets(kind):
    """Who may make sockets makes none of packets: it has not the right."""
    check_equal(try_(kind, "socket", int(socket.AF_INET), int(socket.SOCK_RAW), socket.IPPROTO_TCP),
                ("socket=Operation not permitted", 0), "a raw socket")


def files(kind):
    needs_filter()
    reading = ("open=done", 0) if kind in MAY_READ_FILES else denied(kind, "open")
    check_equal(try_(kind, "open", "/etc/passwd", "r"), reading, "a file that everybody may read")
    for how in ("w", "t"):
        check_equal(try_(kind, "open", "/tmp/ftpalg-caged", how), denied(kind, "open"), f"a file, {how}")
    check(not os.path.exists("/tmp/ftpalg-caged"), "a file was made")


def secrets(kind):
    """What only root may read it may not, though root has started it."""
    if not USER:
        raise Skip("an ordinary user has no other user to become")
    for path in ("/etc/shadow", f"/proc/{os.getpid()}/mem"):
        check_equal(try_(kind, "open", path, "r"), ("open=Permission denied", 0), path)


def memory(kind):
    needs_filter()
    check_equal(try_(kind, "memory", READ | WRITE | EXECUTE), denied(kind, "memory"), "memory to be written and executed")
    check_equal(try_(kind, "protect"), denied(kind, "protect"), "memory that becomes executable")
    if kind not in ("resolver", "broker"):
        check_equal(try_(kind, "memory", READ | EXECUTE), denied(kind, "memory"), "memory to be executed")
    if kind != "broker":
        check_equal(try_(kind, "memory", READ | WRITE), ("memory=done", 0), "memory to be written")


def rights(kind):
    with subprocess.Popen([CAGED, USER, kind, "wait"], stdout=subprocess.PIPE, text=True) as caged:
        try:
            check_equal(caged.stdout.readline(), "inside=done\n", "its first word")
            status = status_of(caged.pid)
        finally:
            caged.kill()
    held = NET_ADMIN if kind in ("broker", "proxy") else 0
    for name, wanted in (("CapEff", held), ("CapPrm", held), ("CapInh", 0), ("CapAmb", 0), ("CapBnd", 0)):
        check_equal(int(status[name], 16), wanted, name)
    check_equal(status["NoNewPrivs"].strip(), "1", "no new privileges")
    if not is_sanitized():
        check_equal(status["Seccomp"].strip(), "2", "a filter of system calls")
    if USER:
        check_equal(status["Uid"].split(), ["65534"] * 4, "the user")
        check_equal(status["Groups"].split(), [], "other groups")


def main():
    plan = Plan(__doc__)
    for kind in KINDS:
        plan.add(f"a206: {kind}: one right or none, and no way to others", rights, kind)
        plan.add(f"a206: {kind}: system calls that nobody has a use for", calls, kind)
        plan.add(f"a206: {kind}: sockets", sockets, kind)
        plan.add(f"a206: {kind}: files", files, kind)
        plan.add(f"a206: {kind}: memory", memory, kind)
        if kind in MAY_READ_FILES:
            plan.add(f"a206: {kind}: files of root's", secrets, kind)
        if kind in MAY_CONNECT:
            plan.add(f"a206: {kind}: raw sockets", raw_sockets, kind)
    plan.run()


if __name__ == "__main__":
    enter_lab()
    main()
