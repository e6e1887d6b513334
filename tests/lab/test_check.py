#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
ftpalg check is believed: it fails where FTP would not work, says why and what mends it, and then it is so. Each statement
about the filter is also asked of a real transfer.

    client --- router --- server

The router's filter drops by default, as that of every lab does; its owner has admitted control connections only.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import time

import rules
from gateway import READY, binary
from lab import Lab
from process import SLOWNESS, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal

# Another program on the queue: NFQNL_MSG_CONFIG (3 of subsystem 3) with NFQA_CFG_CMD (1), NFQNL_CFG_CMD_BIND (1).
OTHER_LISTENER = """
import socket, struct, time
body = struct.pack("!BBH", 0, 0, 21) + struct.pack("=HH", 8, 1) + struct.pack("!BBH", 1, 0, 0)
queue = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
queue.bind((0, 0))
queue.send(struct.pack("=IHHII", 16 + len(body), 3 << 8 | 2, 5, 1, 0) + body)
print("bound" if struct.unpack("=i", queue.recv(4096)[16:20])[0] == 0 else "refused", flush=True)
time.sleep(600)
"""
# Whoever runs this may have a configuration; where it is looked for, there is none.
WITHOUT_CONFIGURATION = ["unshare", "--mount", "sh", "-c",
                         'test ! -d /etc/ftpalg || mount -t tmpfs none /etc/ftpalg; exec "$@"', "sh"]
TOOLS = {4: ["iptables", "-w"], 6: ["ip6tables", "-w"]}


@contextlib.contextmanager
def bare_lab():
    """Its owner's filter and NAT, and nothing of the gateway."""
    with Lab(mode="snat", gateway_rules=False) as cell:
        cell.may_pass_by = True
        yield cell


@contextlib.contextmanager
def lab_without_forward():
    """Rules and daemon are there; those of --forward were forgotten."""
    with bare_lab() as cell:
        cell.gateway.load_rules()
        cell.gateway.start()
        yield cell


def admit_data_connections(cell):
    """What "ftpalg check" advises for a filter of iptables."""
    rules.load(cell.router, cell.path("rules-forward"), cell.gateway.printed_rules("--forward", kind="iptables"), ["sh", "-s"])


def filter_rule(cell, *words):
    for family in (4, 6):
        cell.router.run([*TOOLS[family], *words])


def report(cell):
    """The exit status, and the findings as {(finding, about): text}."""
    result = cell.router.run([binary(), "check", "--json", "-c", cell.gateway.configuration], check=False)
    found = json.loads(result.stdout)
    findings = [(entry["finding"], entry["about"], entry["text"]) for entry in found["findings"]]
    check_equal(found["missing"], sum(finding == "MISSING" for finding, *_ in findings), "the number of findings")
    check_equal((result.returncode, found["healthy"]), (1, False) if found["missing"] else (0, True), "exit status and verdict")
    return findings


def check_missing(cell, about, text):
    findings = report(cell)
    check(any(finding == "MISSING" and subject.startswith(about) and text in words for finding, subject, words in findings),
          f"nothing is MISSING about {about} with {text!r}; found {findings}")


def check_is_content(cell, *but):
    missing = [entry for entry in report(cell) if entry[0] == "MISSING" and entry[1] not in but]
    check_equal(missing, [], "what is missing")


def transfers(cell, family=4):
    """Does a listing in active mode arrive, whose data connection comes from outside?"""
    addresses = cell.addresses[family]
    with ScriptedServer(cell.server, addresses.server, connect_timeout=1.0), \
            ScriptedClient(cell.client, addresses.server) as client:
        client.login()
        with client.listen() as listener:
            listener.settimeout(2)
            client.offer(listener.getsockname()[1])
            client.send(b"LIST\r\n")
            try:
                with listener.accept()[0] as data:
                    return data.recv(65536) == LISTING
            except TimeoutError:
                return False


def fresh_host_lacks_rules_and_daemon(cell):
    check_missing(cell, "rules, IPv4", "none attaches the carrier")
    check_missing(cell, "rules, IPv6", "none feeds queue 21")
    check_missing(cell, "daemon", "control connections stand still")


def filter_without_forward(cell):
    check(not transfers(cell), "the lab's filter lets data connections pass")
    for family in ("IPv4", "IPv6"):
        check_missing(cell, f"filter, {family}", "FORWARD\" drops the data connections")


def filter_with_forward(cell):
    admit_data_connections(cell)
    check(transfers(cell), "a listing in active mode fails")
    check_is_content(cell)


def firewall_that_accepts_what_is_related(cell):
    filter_rule(cell, "-I", "FORWARD", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT")
    check(transfers(cell), "a listing in active mode fails")
    check_is_content(cell)


def firewall_that_drops_by_a_rule(cell):
    filter_rule(cell, "-P", "FORWARD", "ACCEPT")
    check(transfers(cell), "a listing in active mode fails, where all is accepted")
    check_is_content(cell)
    filter_rule(cell, "-A", "FORWARD", "-j", "REJECT")
    check(not transfers(cell), "what is rejected passes")
    check_missing(cell, "filter, IPv4", "drops the data connections")


def firewall_that_accepts_for_one_interface(cell):
    filter_rule(cell, "-A", "FORWARD", "-o", "elsewhere", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT")
    findings = report(cell)
    check(any(finding == "note" and about == "filter, IPv4" and "lets only some" in text for finding, about, text in findings),
          f"no note about some interfaces among {findings}")


def filter_of_nft(cell):
    """A second filter, in nft's own words, drops what the first accepts."""
    admit_data_connections(cell)
    cell.router.run(["nft", "add table inet own; add chain inet own fw { type filter hook forward priority 5; policy drop; }; "
                     "add rule inet own fw ct state new,established accept"])
    check(not transfers(cell), "what is related passes")
    check_missing(cell, "filter, IPv4", 'chain "inet own fw" drops')
    cell.router.run(["nft", "insert rule inet own fw ct state vmap { related : accept, invalid : drop }"])
    check(transfers(cell), "a listing in active mode fails")
    check_is_content(cell)


def daemon_that_was_stopped(cell):
    admit_data_connections(cell)
    check_is_content(cell)
    cell.gateway.stop()
    check_missing(cell, "daemon", "none listens on queue 21, so control connections stand still")
    cell.gateway.start()
    check_is_content(cell)


def queue_of_another_program(cell):
    cell.gateway.load_rules()
    admit_data_connections(cell)
    other = cell.router.spawn(["python3", "-c", OTHER_LISTENER])
    other.wait_for_output("bound")
    check_missing(cell, "daemon", f'queue 21 is taken by "python3" (process {other.pid})')
    other.stop()
    cell.gateway.start()
    check_is_content(cell)


@contextlib.contextmanager
def manager_process(cell, name):
    """A process that is called so."""
    program = cell.path(name)
    shutil.copy("/bin/sleep", program)
    process = cell.router.spawn([program, "600"])
    try:
        wait_until(lambda: name in pathlib.Path(f"/proc/{process.pid}/comm").read_text(encoding="ascii"), f"{name} to run")
        yield
    finally:
        process.stop()


def found_about(cell, about):
    return [(finding, text) for finding, subject, text in report(cell) if subject == about]


def other_managers(cell):
    """What runs beside it decides what is advised."""
    for name in ("firewalld", "Docker", "ufw", "nftables.service"):
        check_equal(found_about(cell, name), [], f"what is said of {name}, which does not run")
    with manager_process(cell, "firewalld"), manager_process(cell, "dockerd"):
        (finding, text), = found_about(cell, "firewalld")
        if rules.FLAVOUR == "nft":
            check((finding, "leaves tables of nft alone" in text) == ("ok", True), f"{finding}: {text}")
        else:
            check(finding == "note" and ("ftpalg rules nft" in text or "restore-rules = yes" in text), f"{finding}: {text}")
        (finding, text), = found_about(cell, "Docker")
        check(finding == "note" and "DOCKER-USER" in text, f"{finding}: {text}")
        for name, process, wanted in (("kube-proxy", "kube-proxy", "ok"), ("Cilium", "cilium-agent", "note")):
            check_equal(found_about(cell, name), [], f"what is said of {name}, which does not run")
            with manager_process(cell, process):
                (finding, text), = found_about(cell, name)
                check_equal(finding, wanted, f"what is said of {name} ({text})")
        with open(cell.gateway.configuration, "a", encoding="ascii") as file:
            file.write("restore-rules = yes\n")
        (finding, text), = found_about(cell, "firewalld")
        check_equal(finding, "ok", f"what is said of firewalld, whose reloads are made up for ({text})")


def active_units(cell):
    os.makedirs("/run/systemd/units")  # the lab's own /run
    for name in ("ufw", "nftables"):
        os.symlink("0123456789abcdef", f"/run/systemd/units/invocation:{name}.service")
    check_equal(found_about(cell, "ufw")[0][0], "ok", "what is said of ufw")
    finding, text = found_about(cell, "nftables.service")[0]
    check(finding == "note" and "restore-rules" in text, f"{finding}: {text}")


def helper_of_the_kernel(cell):
    admit_data_connections(cell)
    filter_rule(cell, "-t", "raw", "-I", "PREROUTING", "-p", "tcp", "--dport", "21", "-j", "CT", "--helper", "ftp")
    check_missing(cell, "rules, IPv4", "the kernel's own ftp helper")


def host_that_does_not_forward(cell):
    admit_data_connections(cell)
    cell.router.sysctl("ipv4/ip_forward", 0)
    cell.router.sysctl("ipv6/conf/all/forwarding", 0)
    check_missing(cell, "forwarding", "neither IPv4 nor IPv6")


def lines_say_what_json_says(cell):
    lines = cell.router.run([binary(), "check", "-c", cell.gateway.configuration], check=False).stdout.splitlines()
    check_equal(lines, [f"{finding:<7}  {about}: {text}" for finding, about, text in report(cell)], "the lines")


def configuration_with_faults(cell):
    """Its faults are findings like all others, and the rest is judged."""
    with open(cell.gateway.configuration, "a", encoding="ascii") as file:
        file.write("[gateway]\nqueue = many\n")
    check_missing(cell, "", "queue")
    check_missing(cell, "configuration", "mend")
    check_missing(cell, "rules, IPv4", "none feeds queue 21")


def no_configuration(cell):
    """The defaults hold: rules, run and check work from nothing."""
    command = [*WITHOUT_CONFIGURATION, binary()]
    rules.load(cell.router, cell.path("rules-default"), cell.router.output([*command, "rules", "iptables"]), ["sh", "-s"])
    admit_data_connections(cell)
    daemon = cell.router.spawn([*command, "run"])
    daemon.wait_for_output(READY)
    check("the defaults of ftpalg.conf(5) hold" in daemon.output(), f"run does not say so: {daemon.output()}")
    check(transfers(cell), "a listing in active mode fails")
    result = cell.router.run([*command, "check"], check=False)
    check_equal(result.returncode, 0, f"the exit status of check, which says {result.stdout}")
    check("the defaults hold" in result.stdout, f"check does not say so: {result.stdout}")
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: "was not taken over" in daemon.output(), "a reload of a file that is not there to be refused")
    check(transfers(cell), "a listing in active mode fails after that")
    check_equal(daemon.stop(), 0, "the exit status of run")


def long_finding_is_whole(cell):
    """A name of a file may be as long as a path."""
    path = cell.path("/".join(["d" * 200] * 10))
    findings = cell.router.run([binary(), "check", "-c", path], check=False).stdout.splitlines()
    check_equal(sum(path in line and line.endswith("ftpalg.conf(5) describes") for line in findings), 1,
                f"findings that have the whole name in {findings}")


def listing_that_never_ends(cell):
    """Nothing that it asks keeps the gateway from its start, nor check from its end."""
    with open(cell.path("nft"), "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nexec sleep 600\n")
    os.chmod(cell.path("nft"), 0o755)
    nft = os.path.realpath(shutil.which("nft"))
    hang = ["unshare", "--mount", "sh", "-c", f'mount --bind {cell.path("nft")} {nft}; exec "$@"', "sh"]
    began = time.monotonic()
    daemon = cell.router.spawn([*hang, binary(), "run", "-c", cell.gateway.configuration])
    daemon.wait_for_output(READY, 30 * SLOWNESS)
    check(time.monotonic() - began >= 5, "nft was not asked, or not waited for")
    check_equal(daemon.stop(), 0, "the exit status of run")


def file_that_is_named_must_be_there(cell):
    for command in ("rules iptables", "check", "run"):
        result = cell.router.run([binary(), *command.split(), "-c", cell.path("nothing")], check=False)
        check_equal(result.returncode, 1, f"the exit status of {command}")
        check("can't be opened" in result.stdout + result.stderr, f"{command} says {result.stdout}{result.stderr}")


def run_without_rules(cell):
    cell.gateway.start()
    check("no rule feeds queue 21 with IPv4 or IPv6" in cell.gateway.process.output(),
          f"run does not say so: {cell.gateway.process.output()}")
    cell.gateway.stop()
    cell.gateway.load_rules()
    cell.gateway.start()
    check("no rule feeds" not in cell.gateway.process.output(), f"run says {cell.gateway.process.output()}")


def main():
    plan = Plan(__doc__)
    for statement, function, fixture in (
            ("a host without rules and daemon is not fit", fresh_host_lacks_rules_and_daemon, bare_lab),
            ("where the rules of --forward are missing, no transfer works and check says so", filter_without_forward,
             lab_without_forward),
            ("where they are loaded, transfers work and check is content", filter_with_forward, lab_without_forward),
            ("a firewall that accepts all that is related needs no more", firewall_that_accepts_what_is_related,
             lab_without_forward),
            ("a firewall that drops by a rule is found as one that drops by its policy", firewall_that_drops_by_a_rule,
             lab_without_forward),
            ("one that accepts for an interface is noted", firewall_that_accepts_for_one_interface, lab_without_forward),
            ("a filter of nft beside one of iptables is found", filter_of_nft, lab_without_forward),
            ("without a daemon FTP stands still, and check fails", daemon_that_was_stopped, lab_without_forward),
            ("another program on the queue is named", queue_of_another_program, bare_lab),
            ("A193: another firewall manager decides what is advised", other_managers, lab_without_forward),
            ("A193: so do services that have set a firewall up", active_units, lab_without_forward),
            ("the kernel's own helper is found", helper_of_the_kernel, lab_without_forward),
            ("a host that does not forward is found", host_that_does_not_forward, lab_without_forward),
            ("the lines and --json say the same", lines_say_what_json_says, lab_without_forward),
            ("faults of the configuration are findings", configuration_with_faults, bare_lab),
            ("without a configuration file the defaults hold, for rules, run and check", no_configuration, bare_lab),
            ("a file that is named must be there", file_that_is_named_must_be_there, bare_lab),
            ("a finding is said to its end", long_finding_is_whole, bare_lab),
            ("a program that never answers holds nothing up", listing_that_never_ends, bare_lab),
            ("run warns where no rule feeds it", run_without_rules, bare_lab)):
        # A lab for each: they change the firewall.
        plan.add(statement, function, fixture=lambda make=fixture: make())
    plan.run()


if __name__ == "__main__":
    main()
