#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A193: another program flushes the firewall, and the gateway's rules with it. That is told, with who has done it and what
mends it; where the configuration says so, the gateway loads them again. Who only replaces them is left alone. """

import functools
import json
import time

import rules
from gateway import READY, binary
from lab import Lab
from process import SLOWNESS, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, Skip, check, check_equal

LAB = functools.partial(Lab, mode="snat")
RESTORING = functools.partial(Lab, mode="snat", settings={"gateway": {"restore-rules": "yes"}})


def flush(lab, families=("iptables", "ip6tables")):
    """What the gateway's own rules are in; the lab's translation stays, and nft's counters, by which a lab is judged."""
    if rules.FLAVOUR == "nft":
        lab.router.run(["nft", "flush", "table", "inet", "ftpalg"])
        return
    for program in families:
        for table in ("mangle", "raw"):
            lab.router.run([program, "-w", "-t", table, "-F"])


def settled(lab):
    """The gateway has seen its rules at least once: a flush before that is none."""
    wait_until(lambda: READY in lab.gateway.process.output(), "the gateway")
    time.sleep(2 * SLOWNESS)


def seen(lab, name, since, family):
    return lab.gateway.events(name, since) and [event for event in lab.gateway.events(name, since)
                                                if event["rules"].startswith(family)]


def works(lab, family=4):
    with ScriptedServer(lab.server, lab.addresses[family].server), \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "a listing")


def flush_is_told(lab):
    settled(lab)
    since = lab.gateway.position()
    flush(lab)
    for family in ("IPv4", "IPv6"):
        event = wait_until(lambda family=family: seen(lab, "rules-gone", since, family), f"the event for {family}")[0]
        check("after a change by " in event["rules"], f"who it was is not told: {event}")
    said = lab.gateway.process.output()
    for words in ("the rules for IPv4", "are gone", f'load what "ftpalg rules {rules.FLAVOUR}" prints', "restore-rules = yes"):
        check(words in said, f"{words!r} is not in {said!r}")
    time.sleep(3 * SLOWNESS)
    check(not lab.gateway.events("rules-back", since), "they came back by themselves")
    status = json.loads(lab.router.run([binary(), "status", "--json", "-c", lab.gateway.configuration], check=False).stdout)
    for family in status["rules"]:
        check(family["state"] == "missing" and family["since"] and "the last change was by" in family["why"] and family["mend"],
              f"the status says {family}")
    lab.gateway.load_rules()
    for family in ("IPv4", "IPv6"):
        wait_until(lambda family=family: seen(lab, "rules-back", since, family), f"the return of {family}")
    works(lab)


def one_family_alone_is_told(lab):
    settled(lab)
    since = lab.gateway.position()
    flush(lab, ("ip6tables",))
    wait_until(lambda: seen(lab, "rules-gone", since, "IPv6"), "the event")
    time.sleep(2 * SLOWNESS)
    check(not seen(lab, "rules-gone", since, "IPv4"), "those for IPv4 are there")
    lab.gateway.load_rules()
    wait_until(lambda: seen(lab, "rules-back", since, "IPv6"), "the return")


def replaced_rules_are_not_told(lab):
    if SLOWNESS > 1:
        raise Skip("rules are loaded more slowly here than the gateway waits for them")
    settled(lab)
    since = lab.gateway.position()
    for pause in (0, 0.4, 0.8):
        flush(lab)
        time.sleep(pause)
        lab.gateway.load_rules()
        time.sleep(4 * SLOWNESS)  # a doubt has been settled
    check(not lab.gateway.events("rules-gone", since), "rules that were replaced were told to be gone")
    works(lab)


def flushed_rules_are_loaded_again(lab):
    settled(lab)
    since = lab.gateway.position()
    flush(lab)
    for family in ("IPv4", "IPv6"):
        wait_until(lambda family=family: seen(lab, "rules-gone", since, family), f"the event for {family}")
        wait_until(lambda family=family: seen(lab, "rules-back", since, family), f"the return of {family}", 20)
    works(lab)
    works(lab, 6)


def changes_of_others_are_nothing(lab):
    settled(lab)
    since = lab.gateway.position()
    lab.router.run(["nft", "add table inet other; add set inet other banned { type ipv4_addr; }"])
    for number in range(50):
        lab.router.run(["nft", "add", "element", "inet", "other", "banned", f"{{ 192.0.2.{number} }}"])
    lab.router.run(["nft", "delete", "table", "inet", "other"])
    time.sleep(4 * SLOWNESS)
    check(not lab.gateway.events("rules-gone", since) and not lab.gateway.events("rules-back", since), "something was told")


def main():
    plan = Plan(__doc__)
    plan.add("A193: a flush is told, with its author and what to do, and so is the return", flush_is_told, fixture=LAB)
    if rules.FLAVOUR != "nft":
        plan.add("A193: one family alone is told alone", one_family_alone_is_told, fixture=LAB)
    plan.add("A193: rules that are replaced are not told to be gone", replaced_rules_are_not_told, fixture=LAB)
    plan.add("A193: what other programs change is nothing", changes_of_others_are_nothing, fixture=LAB)
    plan.add("A193: where it is configured, they are loaded again, and FTP works", flushed_rules_are_loaded_again,
             fixture=RESTORING)
    plan.run()


if __name__ == "__main__":
    main()
