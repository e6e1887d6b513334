#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What happens where something is missing or other than usual: no daemon, two daemons, no carrier, no privilege, other
control ports, hardware that finishes packets.
"""

import contextlib
import functools
import ftplib
import hashlib
import os
import signal
import socket

import rules
from capture import Capture
from gateway import READY, Gateway, binary
from lab import Lab
from process import titled, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer, offer_line
from servers import Vsftpd
from tap import Plan, check, check_equal

PORTS = (21, 2121, 8021)


def absent_closed(lab, family):
    """Not even the handshake comes to its end: the server's SYN and ACK wait in vain for somebody to judge them."""
    with ScriptedServer(lab.server, lab.addresses[family].server) as server:
        with lab.client.entered():
            connection = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
        with connection:
            connection.settimeout(2)
            try:
                connection.connect((lab.server_seen(family), 21))
                check(connection.recv(100) == b"", "the greeting came through although nobody could judge it")
            except socket.timeout:
                pass
        check_equal([session.lines for session in server.sessions if session.lines], [], "commands that came through")
        lab.gateway.start()
        with ScriptedClient(lab.client, lab.server_seen(family)) as client:
            client.login()
            check_equal(client.list_active(), LISTING, "the listing with a daemon")
        lab.gateway.stop()


def absent_open(lab, family):
    """The rules after the queue count what passed it by, which shows that they would."""
    lab.may_pass_by = True
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        line = offer_line(client.address, 41001)
        client.command(line, "200")
        check_equal(server.session().lines[-1], line + b"\r\n", "the offer as the server got it")
        check_equal(lab.expectations(family), [], "expectations")
    check(lab.gateway.packets_after_queue("unpassed") > 0, "nothing was counted that passed the queue by")


def dies_open(lab, family):
    """The daemon's death in the middle of a session that it has edited: the session goes on, uninspected."""
    lab.may_pass_by = True
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "the listing before")
        lab.gateway.kill()
        for number in range(20):
            client.command(b"NOOP %d" % number, "200")
        line = offer_line(client.address, 41001)
        client.command(line, "200")
        check_equal(server.session().lines[-1], line + b"\r\n", "the offer as the server got it")
        lab.gateway.start()
        check_equal(client.list_active(), LISTING, "the listing afterwards")


def other_control_port(lab, family, port):
    with ScriptedServer(lab.server, lab.addresses[family].server, port) as server, \
            ScriptedClient(lab.client, lab.server_seen(family), port) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "the active listing")
        check_equal(client.list_passive(), LISTING, "the passive listing")
        check(lab.client_seen(family).encode().replace(b".", b",") in server.session().lines[2]
              or lab.client_seen(family).encode() in server.session().lines[2], "the offer was not translated")


def all_control_ports_at_once(lab, family):
    with contextlib.ExitStack() as stack:
        clients = []
        for port in PORTS:
            stack.enter_context(ScriptedServer(lab.server, lab.addresses[family].server, port))
            clients.append(stack.enter_context(ScriptedClient(lab.client, lab.server_seen(family), port)))
        for client in clients:
            client.login()
        for _ in range(3):
            for client in clients:
                check_equal(client.list_active(), LISTING, "the active listing")
                check_equal(client.list_passive(), LISTING, "the passive listing")


def no_control_port(lab, family):
    """A connection to any other port is none of the gateway's business, whatever is said on it."""
    with ScriptedServer(lab.server, lab.addresses[family].server, 2222) as server, \
            ScriptedClient(lab.client, lab.server_seen(family), 2222) as client:
        client.login()
        line = offer_line("10.1.1.1" if family == 4 else "fd00::1", 25)
        client.command(line, "200")
        check_equal(server.session().lines[-1], line + b"\r\n", "the line as the server got it")


def offloads_on(lab, family, passive):
    """The sender's kernel leaves checksums and segmentation to a device that does not exist: the gateway must cope."""
    with Vsftpd(lab.server, lab.addresses[family].server, lab.directory) as server:
        data = os.urandom(20 * 10**6)
        with lab.client.entered(), ftplib.FTP(timeout=30) as client, open(server.path("file"), "wb") as file:
            file.write(data)
            file.flush()
            client.connect(lab.server_seen(family))
            client.login()
            client.set_pasv(passive)
            for _ in range(3):
                digest = hashlib.sha256()
                client.retrbinary("RETR pub/file", digest.update)
                check_equal(digest.digest(), hashlib.sha256(data).digest(), "SHA-256 of the file")
            # A multi-line reply and a pipelined burst, which the sending kernel hands over as one large packet.
            client.sock.sendall(b"".join(b"NOOP %d\r\n" % number for number in range(30)))
            for _ in range(30):
                check(client.getresp().startswith("200"), "the answer to a NOOP in a burst")
            client.quit()
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")
    os.remove(server.path("file"))
    os.rmdir(server.public)
    os.rmdir(server.root)


def offloads_are_on(lab):
    """Else the statements before this one would show nothing."""
    with ScriptedServer(lab.server, lab.addresses[4].server), Capture(lab.client, lab.directory) as near, \
            ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
    sent = [segment for segment in near.segments() if segment.destination_port == 21 and segment.payload]
    check(any(not segment.tcp_valid for segment in sent), "the client's kernel finishes its checksums itself")


def run_to_end(lab, command):
    """Runs a gateway that is expected to end at once; returns status and what it wrote."""
    process = lab.router.spawn(command)
    try:
        status = process.wait(15)
    finally:
        process.stop(signal.SIGKILL)
    return status, process.output()


def second_daemon(lab):
    second = Gateway(lab.router, lab.directory, "second-daemon")
    status, text = run_to_end(lab, [binary(), "run", "-c", second.configuration])
    check_equal(status, 1, f"exit status of the second daemon ({text!r})")
    check("queue" in text and "21" in text, f"the message does not tell which queue: {text!r}")
    check("Traceback" not in text and "Sanitizer" not in text, text)
    # The first goes on.
    with ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "the listing")


def successor(lab):
    """The queue is still taken when the second asks for it, as it is for a moment after a kill."""
    second = Gateway(lab.router, lab.directory, "successor")
    second.process = lab.router.spawn([binary(), "run", "-c", second.configuration])

    def has_tried():
        check(second.process.running(), f"the second daemon has given up: {second.process.output()}")
        workers = titled(second.process.pid, "ftpalg-worker")
        with open(f"/proc/{workers[0]}/wchan", encoding="ascii") if workers else open(os.devnull, encoding="ascii") as file:
            return "nanosleep" in file.read()
    wait_until(has_tried, "the second daemon's worker to wait for the queue", interval=0.001)
    lab.gateway.kill()
    second.process.wait_for_output(READY)
    with ScriptedServer(lab.server, lab.addresses[4].server), ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "the listing")
    second.stop()
    lab.gateway.start()


def second_queue(lab):
    """Two daemons on two queues live side by side."""
    second = Gateway(lab.router, lab.directory, "second", {"gateway": {"queue": "22"}})
    second.start()
    second.stop()


def missing_capability(lab):
    without = [word for kind in ("ambient-caps", "inh-caps", "bounding-set") for word in (f"--{kind}", "-net_admin")]
    captive = Gateway(lab.router, lab.directory, "captive")
    status, text = run_to_end(lab, ["setpriv", *without, "--", binary(), "run", "-c", captive.configuration])
    check_equal(status, 1, f"exit status without CAP_NET_ADMIN ({text!r})")
    check("CAP_NET_ADMIN" in text, f"the message does not name what is missing: {text!r}")


def configuration_error(lab):
    path = lab.path("wrong.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write("[gateway]\ncontrol-ports = 21\nqueue = seven\n")
    status, text = run_to_end(lab, [binary(), "run", "-c", path])
    check_equal(status, 1, f"exit status with a wrong configuration ({text!r})")
    check(f"{path}:3:" in text, f"the message does not name file and line: {text!r}")


def remove_carrier(lab):
    if rules.FLAVOUR == "nft":
        lab.router.run(["nft", "flush", "chain", "inet", "ftpalg", "prerouting"])
        return
    for family in lab.addresses:
        lab.router.run([rules.iptables(family), "-t", "raw", "-F", "FTPALG_PREROUTING"])


def no_carrier(lab, family):
    """The rule that attaches the carrier is missing: offers are refused with that reason, and the rest works."""
    remove_carrier(lab)
    since = lab.gateway.position()
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        line = offer_line(client.address, 41001)
        client.command(line, "5")
        check(line not in bytes(server.session().received), "the offer reached the server")
        event = lab.gateway.wait_event("refuse", since)
        check_equal(event["reason"], "no-carrier", f"the reason ({event})")
        client.command(b"NOOP", "200")


def event_log_is_complete(lab, family):
    """One session, one transfer: the events that tell its story, in order."""
    with ScriptedServer(lab.server, lab.addresses[family].server), \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        client.list_active()
        client.command(b"QUIT", "221")
        local = client.local_port
    wait_until(lambda: lab.gateway.events("session-close"), "the end of the session in the log")
    events = lab.gateway.events()
    wanted = ["session-open", "login", "offer", "pinhole-open", "transfer", "session-close"]
    names = [event["event"] for event in events]
    places = [names.index(name) for name in wanted if name in names]
    check(len(places) == len(wanted) and places == sorted(places), f"events {names}, wanted {wanted} in this order")
    ports = {event["client_port"] for event in events if "client_port" in event}
    check_equal(ports, {local}, "client ports in the events")
    check("lab@" not in str(events), "the password is in the log")


def main():
    plan = Plan(__doc__)
    closed = functools.partial(Lab, mode="snat", daemon=False, settings={"gateway": {"absent": "closed"}})
    opened = functools.partial(Lab, mode="snat", daemon=False, settings={"gateway": {"absent": "open"}})
    dying = functools.partial(Lab, mode="snat", settings={"gateway": {"absent": "open"}})
    several = functools.partial(Lab, mode="both", forward_all=True, settings={
        "gateway": {"control-ports": ", ".join(map(str, PORTS))}})
    offloading = functools.partial(Lab, mode="both", offloads=True)
    for family in (4, 6):
        plan.add(f"absent = closed: nothing passes without a daemon (IPv{family})", absent_closed, family,
                 fixture=closed)
    for family in (4, 6):
        plan.add(f"absent = open: everything passes uninspected without a daemon (IPv{family})", absent_open, family,
                 fixture=opened)
    for family in (4, 6):
        plan.add(f"absent = open: a session outlives the daemon that edited it (IPv{family})", dies_open, family,
                 fixture=dying)
    for family in (4, 6):
        for port in PORTS:
            plan.add(f"port {port} is a control port where it is configured (IPv{family})", other_control_port, family,
                     port, fixture=several)
        plan.add(f"sessions on three control ports don't disturb each other (IPv{family})", all_control_ports_at_once,
                 family, fixture=several)
        plan.add(f"a port that is not configured is left alone (IPv{family})", no_control_port, family, fixture=several)
    for family in (4, 6):
        for passive in (False, True):
            plan.add(f"{'passive' if passive else 'active'} transfers arrive where checksums and segmentation are "
                     f"offloaded (IPv{family})", offloads_on, family, passive, fixture=offloading)
    plan.add("offloads were on", offloads_are_on, fixture=offloading)
    running = functools.partial(Lab, mode="snat")
    plan.add("the events of a session tell its story", event_log_is_complete, 4, fixture=running)
    plan.add("a second daemon on the same queue ends with a message, and the first goes on", second_daemon,
             fixture=running)
    plan.add("a second daemon takes over where the first dies at that moment", successor, fixture=running)
    plan.add("a second daemon on another queue runs", second_queue, fixture=running)
    plan.add("without CAP_NET_ADMIN the gateway ends with a message", missing_capability, fixture=running)
    plan.add("a wrong configuration ends the start with its file and line", configuration_error, fixture=running)
    for family in (4, 6):
        plan.add(f"without the carrier offers are refused and the session goes on (IPv{family})", no_carrier, family,
                 fixture=running)
    plan.run()


if __name__ == "__main__":
    main()
