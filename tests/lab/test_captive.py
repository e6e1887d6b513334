#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A90: what code in the worker's sandbox can do, when a peer has taken the worker over.

tests/lab/captive.c is that code. It has the worker's queue, its channel to a broker, its user, capabilities and system
calls; no gateway runs beside it. A session is open through the router, a connection to another service, and one to a
control port without the carrier. What the worker may do for the first succeeds, which shows that the rest is refused for
what it is.

Builds with sanitizers go without the filter of system calls, so that part is for the release build.
"""

import contextlib
import functools
import os
import re
import shutil
import signal
import socket

import lab as labs
import rules
from capture import ACK, RST, Capture
from gateway import READY, binary
from process import children, wait_titled
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, Skip, check, check_equal

# Beside the gateway's program, in the same build directory.
CAPTIVE = os.path.join(os.path.dirname(binary()), "tests", "lab", "captive")

SETTINGS = {"gateway": {"absent": "open", "passed-mark": "none"}}
STRANGER = 4242  # nobody has this number
CAPABILITIES = "+net_admin,+net_raw"
CALLS = ("execve", "ptrace", "kill", "tgkill", "clone", "sendmsg", "setsockopt", "bpf", "unshare", "setns", "mount",
         "mprotect", "process_vm_writev", "pidfd_open", "io_uring_setup", "unlink", "connect", "capset", "keyctl",
         "init_module")
SOCKETS = {"netlink": socket.AF_NETLINK, "packet": socket.AF_PACKET, "IPv4": socket.AF_INET, "unix": socket.AF_UNIX}


def is_sanitized():
    with open(binary(), "rb") as program:
        return b"__asan_init" in program.read()


def try_(lab, *arguments):
    """Runs one try. Returns (its answer, the signal that ended it or 0)."""
    done = lab.router.run([CAPTIVE, lab.gateway.configuration, *(str(argument) for argument in arguments)], check=False)
    status = done.returncode
    number = -status if status < 0 else status - 128 if status > 128 else 0
    check(number or status == 0, f"{arguments}: status {status}: {done.stdout} {done.stderr}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "", number


def connect(where, address, port):
    with where.entered():
        return socket.create_connection((address, port), 5)


class Captive:
    """The connections, and what the broker is asked about them."""

    def __init__(self, lab, stack):
        self.lab = lab
        addresses = lab.addresses[4]
        stack.enter_context(ScriptedServer(lab.server, addresses.server))
        self.session = stack.enter_context(ScriptedClient(lab.client, lab.server_seen(4)))
        self.session.login()
        with lab.server.entered():
            other = stack.enter_context(socket.create_server((addresses.server, 80)))
        self.web = stack.enter_context(connect(lab.client, lab.server_seen(4), 80))
        stack.enter_context(other.accept()[0])
        # Made by the router itself: no rule attaches the carrier to it.
        self.bare = stack.enter_context(connect(lab.router, addresses.server, 21))

    def view(self, near):
        """The four ends of the connection with this socket at its near end, as endpoints of two words."""
        address, port = near.getsockname()[:2]
        text = next(connection for connection in self.lab.control_connections(port=near.getpeername()[1])
                    if (connection.original_source, connection.original_source_port) == (address, port)).text
        ends = re.findall(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)", text)
        (client, seen, client_port, seen_port), (server, client_seen, server_port, client_seen_port) = ends
        return [client, client_port, seen, seen_port, server, server_port, client_seen, client_seen_port]

    def ask(self, kind, view, port=50000, source=None, destination=None, timeout=60, direction=1):
        answer, _ = try_(self.lab, "ask", kind, *view, source or view[4], 0, destination or view[6], port,
                         int(view[0] != view[6]), direction, timeout)
        return answer.partition("reason=")[2]


@contextlib.contextmanager
def captive(lab):
    with contextlib.ExitStack() as stack:
        yield Captive(lab, stack)


def what_is_allowed(lab):
    """For the session, and nothing is left behind."""
    with captive(lab) as it:
        view = it.view(it.session.socket)
        for kind in ("lookup", "recall"):
            check_equal(it.ask(kind, view), "none", kind)
        check_equal(it.ask("expect", view), "none", "an expectation")
        check_equal([(found.source, found.destination_port, found.timeout > 50) for found in lab.expectations()],
                    [(view[4], 50000, True)], "what the kernel expects")
        check_equal(it.ask("unexpect", view), "none", "taking it back")
        check_equal(lab.expectations(), [], "what the kernel expects")
        check_equal(it.ask("adjust", view), "none", "an adjustment")


def other_connections(lab):
    with captive(lab) as it:
        session, web, bare = (it.view(near) for near in (it.session.socket, it.web, it.bare))
        check_equal(it.ask("lookup", web), "no-connection", "another service's connection")
        for kind in ("expect", "adjust", "recall", "unexpect"):
            check_equal(it.ask(kind, web), "kernel-refused", f"{kind} for another service's connection")
        for kind in ("expect", "adjust"):
            check_equal(it.ask(kind, bare), "no-carrier", f"{kind} for a connection without the carrier")
        nobody = session[:1] + ["1"] + session[2:]
        # A connection that is there, but for the end that the expectation would be for.
        turned = session[:4] + [lab.addresses[4].outside_router, "21"] + session[6:]
        moved = session[:6] + [lab.addresses[4].inside_router, session[7]]
        for view, what in ((nobody, "nobody's"), (turned, "another server's"), (moved, "another client's")):
            for kind in ("expect", "adjust", "recall"):
                check_equal(it.ask(kind, view), "no-connection", f"{kind} for {what} connection")
        check_equal(lab.expectations(), [], "what the kernel expects")


def other_expectations(lab):
    with captive(lab) as it:
        view = it.view(it.session.socket)
        for what, wrong in (("from another host", {"source": lab.addresses[4].outside_router}),
                            ("from the client", {"source": view[0]}), ("to the client past its translation",
                            {"destination": view[0]}), ("to a third host", {"destination": "10.1.2.3"}),
                            ("to a port below the minimum", {"port": 22}), ("to a denied port", {"port": 6000}),
                            ("to port 0", {"port": 0}), ("the other way", {"direction": 0}),
                            ("for an hour", {"timeout": 3600}), ("for no time", {"timeout": 0})):
            check_equal(it.ask("expect", view, **wrong), "kernel-refused", f"an expectation {what}")
        check_equal(lab.expectations(), [], "what the kernel expects")


def together(lab):
    """An expectation, and the adjustment for the line that announces its port: no other port has that adjustment."""
    with captive(lab) as it, ScriptedClient(lab.client, lab.server_seen(4)) as other:
        other.login()
        view = it.view(it.session.socket)
        check_equal(it.ask("both", view, port=22), "kernel-refused after=0", "a port below the minimum")
        check_equal(it.ask("expect", it.view(other.socket)), "none", "another session's port")
        check_equal(it.ask("both", view), "none after=0", "the same port for this one, which gets another")
        check_equal(len({found.destination_port for found in lab.expectations()}), 2, "ports that the kernel expects")
        check_equal(it.ask("both", view, port=50001), "none after=5", "a port that is free")


def firewall(lab):
    """The queue's socket reaches every netfilter subsystem; without the capability none of them listens."""
    def ruleset():
        return [line for line in lab.router.output(["nft" if rules.FLAVOUR == "nft" else "iptables-save",
                                                    *(["list", "ruleset"] if rules.FLAVOUR == "nft" else [])]).splitlines()
                if line and line[0] != "#" and "[" not in line and "counter" not in line]

    with captive(lab) as it:
        before, view = ruleset(), it.view(it.session.socket)
        for what in ("rules", "connections", "expectations", "verdict"):
            check_equal(try_(lab, what)[0], "answer=Operation not permitted", f"deleting {what}")
        check_equal(ruleset(), before, "the rules")
        check_equal(it.view(it.session.socket), view, "the session's entry")


def packets(lab):
    """Resets and acknowledgements on control connections leave; nothing else does."""
    with captive(lab) as it:
        session, web = it.view(it.session.socket), it.view(it.web)
        to_server, back = [session[6], session[7], session[4], session[5]], [web[2], web[3], web[0], web[1]]
        with Capture(lab.server, lab.directory) as capture:
            for arguments in ([*to_server, ACK], [*web[6:8], *web[4:6], RST], [*web[6:8], *web[4:6], ACK],
                              [*back, RST], [*to_server, 2], ["192.0.2.1", 80, session[4], 80, RST]):
                try_(lab, "inject", *arguments)
        arrived = [(segment.source_port, segment.destination_port, segment.flags) for segment in capture.segments()
                   if segment.sequence == 1]
        check_equal(arrived, [(int(session[7]), 21, ACK)], "what arrived")


def files(lab):
    with captive(lab):
        for path, mode in (("/etc/shadow", "r"), ("/proc/1/environ", "r"), ("broker", "r")):
            check_equal(try_(lab, "open", path, mode)[0], "open=Permission denied", path)


def nonsense(lab):
    """Bytes that are no request are answered as refused, and the broker lives on."""
    with captive(lab):
        for text in ("x", *(chr(kind) + "x" * length for kind in range(1, 12) for length in (3, 139, 143, 300))):
            check_equal(try_(lab, "bytes", text)[0], "reason=no-connection", f"the answer after {text[:4]!r}")


def system_calls(lab):
    if is_sanitized():
        raise Skip("a build with sanitizers goes without the filter")
    with captive(lab):
        for call in CALLS:
            check_equal(try_(lab, "call", call), ("", signal.SIGSYS), call)
        for name, family in SOCKETS.items():
            check_equal(try_(lab, "socket", int(family), int(socket.SOCK_RAW)), ("", signal.SIGSYS), f"a {name} socket")
        check_equal(try_(lab, "open", lab.path("new"), "w"), ("", signal.SIGSYS), "a new file")


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def rights(lab):
    """The worker has none, nor has who tells what happens; the broker has one."""
    found = [wait_titled(lab.gateway.process.pid, f"ftpalg-{name}") for name in ("worker", "broker", "control")]
    for status, capabilities in zip(map(status_of, found), (0, 1 << 12, 0)):
        for name in ("CapEff", "CapPrm"):
            check_equal(int(status[name], 16), capabilities, name)
        for name in ("CapInh", "CapAmb"):
            check_equal(int(status[name], 16), 0, name)
        check_equal(status["NoNewPrivs"].strip(), "1", "no new privileges")
        if os.getuid() == 0 and os.environ.get("FTPALG_LAB_UID", "0") == "0":
            check_equal(status["Uid"].split()[0], "65534", "the user")
        if not is_sanitized():
            check_equal(status["Seccomp"].strip(), "2", "a filter of system calls")


def unprivileged_start(lab):
    """As a service manager starts it: somebody who is not root, with the two capabilities. It stays who it is, and works."""
    if os.getuid() != 0 or os.environ.get("FTPALG_LAB_UID", "0") != "0":
        raise Skip("only root can become somebody else")
    program = lab.path("ftpalg")
    shutil.copy(binary(), program)
    with open(lab.gateway.events_path, "w", encoding="ascii"):
        os.chown(lab.gateway.events_path, STRANGER, STRANGER)
    daemon = lab.router.spawn(["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", "--no-new-privs",
                               f"--bounding-set=-all,{CAPABILITIES}", f"--inh-caps={CAPABILITIES}",
                               f"--ambient-caps={CAPABILITIES}", program, "run", "-c", lab.gateway.configuration])
    daemon.wait_for_output(READY)
    for pid in (daemon.pid, *children(daemon.pid)):
        check_equal(status_of(pid)["Uid"].split(), [str(STRANGER)] * 4, "the user of a process")
    worker, broker = (status_of(pid) for pid in children(daemon.pid)[:2])
    check_equal([int(status["CapEff"], 16) for status in (worker, broker)], [0, 1 << 12], "what worker and broker may do")
    address = lab.addresses[4].server
    with ScriptedServer(lab.server, address), ScriptedClient(lab.client, address) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "a listing in active mode")
    lab.gateway.wait_event("pinhole-open")
    check_equal(daemon.stop(), 0, "the exit status")


def taken():
    """A router without a gateway: what waits in the queue when a try ends is lost, and before and after, packets pass."""
    lab = labs.Lab(mode="snat", settings=SETTINGS, daemon=False, forward_all=True)
    lab.may_pass_by = True
    return lab


def main():
    plan = Plan(__doc__)
    plan.add("a90: what the worker may do for a session it can", what_is_allowed, fixture=taken)
    plan.add("a90: other connections are out of its reach", other_connections, fixture=taken)
    plan.add("a90: so are expectations that no policy allows", other_expectations, fixture=taken)
    plan.add("a151: an adjustment that goes with an expectation is for its port", together, fixture=taken)
    plan.add("a90: so is the firewall", firewall, fixture=taken)
    plan.add("a90: so are packets of other connections", packets, fixture=taken)
    plan.add("a90: so are files that are not everybody's", files, fixture=taken)
    plan.add("a90: nonsense is refused", nonsense, fixture=taken)
    plan.add("a90: system calls that it has no use for end it", system_calls, fixture=taken)
    plan.add("a90: the rights of worker and broker", rights, fixture=functools.partial(labs.Lab, mode="snat"))
    plan.add("a90: started without being root it stays who it is, and works", unprivileged_start,
             fixture=functools.partial(labs.Lab, mode="snat", daemon=False))
    plan.run()


if __name__ == "__main__":
    main()
