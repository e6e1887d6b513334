#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What Debian's stock kernel is started for: its modules, and nft taking the rules that `ftpalg rules nft` prints.

Runs in the virtual machine (tests/vm/run tests/vm/test_stock.py).
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
# pylint: disable=wrong-import-position
import gateway
from namespace import Namespace
from tap import Plan, Skip, check, check_equal

# Why each is wanted: the carrier, the queue, nft's own forms of both; what `ftpalg check` tells apart
# (nfnetlink_cthelper); what makes a line lossy (sch_netem).
MODULES = ("nf_conntrack_sane", "nfnetlink_queue", "nft_queue", "nft_ct", "nfnetlink_cthelper", "sch_netem")

CONFIGURATIONS = {
    "the defaults": "",
    "all that changes the rules": "control-ports = 21, 2121, 990\nzone = 7\nmss = 1000\nabsent = open\n",
    "several workers": "workers = 3\n",
    "several workers, and none that must be there": "workers = 2\nabsent = open\n",
}

# What the rules are made of, without the program that prints them.
BY_HAND = """
table inet by_hand {
	ct helper carrier { type "sane" protocol tcp; }
	chain attach {
		type filter hook prerouting priority mangle;
		ct state new tcp dport 21 ct helper set "carrier"
	}
	chain inspect {
		type filter hook forward priority mangle;
		meta l4proto tcp ct original proto-dst 21 ct state established queue num 21 bypass
	}
	chain admit {
		type filter hook forward priority filter; policy drop;
		ct helper "sane" ct state related tcp dport 1024-65535 accept
	}
}
"""


@contextlib.contextmanager
def router():
    """A network namespace of its own for one statement."""
    with tempfile.TemporaryDirectory() as directory:
        namespace = Namespace("router", f"vm-{os.getpid()}", directory)
        try:
            yield namespace
        finally:
            namespace.close()


def nft_load(namespace, text):
    loaded = subprocess.run(namespace.command(["nft", "-f", "-"]), input=text, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    check(loaded.returncode == 0, f"nft: {loaded.stdout}\n{text}")


def nft_list(namespace):
    return namespace.output(["nft", "list", "ruleset"])


def ftpalg_rules(configuration, *options):
    """The rules that ftpalg prints for lines of the section [gateway]."""
    if gateway.is_stand_in():
        raise Skip("needs ftpalg")
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="ascii") as file:
        file.write(f"[gateway]\n{configuration}")
        file.flush()
        return subprocess.run([gateway.binary(), "rules", "nft", "-c", file.name, *options], check=True, text=True,
                              stdout=subprocess.PIPE).stdout


def kernel_is_stock():
    check("Debian" in os.uname().version, f"this is {os.uname().release} {os.uname().version}")


def module_loads(name):
    subprocess.run(["modprobe", name], check=True)
    check(os.path.isdir(f"/sys/module/{name}"), "modprobe loaded nothing")


def building_blocks_load():
    with router() as namespace:
        nft_load(namespace, BY_HAND)
        listed = nft_list(namespace)
        for words in ('type "sane" protocol tcp', 'ct helper set "carrier"', "queue flags bypass to 21"):
            check(words in listed, f"{words!r} is not in {listed}")


def rules_load(configuration):
    with router() as namespace:
        nft_load(namespace, ftpalg_rules(configuration))
        listed = nft_list(namespace)
        for words in ('type "sane" protocol tcp', "ct helper set", "queue"):
            check(words in listed, f"{words!r} is not in {listed}")


def rules_load_twice(configuration):
    with router() as namespace:
        nft_load(namespace, ftpalg_rules(configuration))
        once = nft_list(namespace)
        nft_load(namespace, ftpalg_rules(configuration))
        check_equal(nft_list(namespace), once, "the rule set after loading it again")


def rules_survive_listing(configuration):
    """Distributions keep rules by listing them into a file."""
    with router() as namespace:
        nft_load(namespace, ftpalg_rules(configuration))
        once = nft_list(namespace)
        nft_load(namespace, "flush ruleset\n" + once)
        check_equal(nft_list(namespace), once, "the rule set after saving and restoring it")


def rules_can_be_removed(configuration):
    with router() as namespace:
        nft_load(namespace, "table inet of_the_owner {\n}\n")
        before = nft_list(namespace)
        nft_load(namespace, ftpalg_rules(configuration))
        check(nft_list(namespace) != before, "nothing was loaded")
        nft_load(namespace, ftpalg_rules(configuration, "--remove"))
        check_equal(nft_list(namespace), before, "the rule set after --remove")


def forward_part_fits(configuration):
    with router() as namespace:
        part = ftpalg_rules(configuration, "--forward")
        nft_load(namespace, "table inet of_the_owner {\nchain forward {\n"
                            f"type filter hook forward priority filter; policy drop;\n{part}\n}}\n}}\n")
        check("accept" in nft_list(namespace), "the chain accepts nothing")


def main():
    plan = Plan(__doc__)
    plan.add("the kernel is the one that Debian ships", kernel_is_stock)
    for name in MODULES:
        plan.add(f"the kernel has the module {name}", module_loads, name)
    plan.add("nft takes the carrier, the queue and the match on the helper", building_blocks_load)
    for name, configuration in CONFIGURATIONS.items():
        plan.add(f"nft takes the rules as they are printed: {name}", rules_load, configuration)
        plan.add(f"loading the rules again changes nothing: {name}", rules_load_twice, configuration)
        plan.add(f"the rules can be saved and restored: {name}", rules_survive_listing, configuration)
        plan.add(f"what --forward prints fits into a forward chain: {name}", forward_part_fits, configuration)
    plan.add("--remove leaves what the owner had", rules_can_be_removed, "")
    plan.run()


if __name__ == "__main__":
    main()
