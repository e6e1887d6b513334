#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lossy lines: on both sides of the router, in both directions, one packet in twenty is lost and one in four overtakes
others. Every transfer arrives, with the right hash.

Runs in the virtual machine (tests/vm/run tests/vm/test_netem.py), whose kernel has netem; elsewhere it is skipped if
the kernel has not. LAB_FULL=1 makes it 200 transfers for each statement, with each client in both families.

A lost packet costs a retransmission timeout, 200 ms at least, a lost SYN a second; so several sessions run side by
side.
"""

import contextlib
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
# As tests/vm/suite has it. Where the kernel lacks nft's queue statement, say FTPALG_RULES=iptables.
os.environ.setdefault("FTPALG_RULES", "nft")
os.environ.setdefault("LAB_SLOWNESS", "4")
# pylint: disable=wrong-import-position
from capture import Capture
from lab import Lab
from tap import Plan, Skip, check, check_equal
from transfers import FULL, SECONDS, Client, Files, SmallServer, amount

TRANSFERS = amount(24, 200)
SESSIONS = 8
LOSS, REORDERED = 5, 25
# What is not reordered waits this long, so what is reordered overtakes it.
DELAY_MS = 4
# All of a statement must be over then.
BOUND = amount(60, 240)
CABLES = (("client", "eth0"), ("router", "inside"), ("router", "outside"), ("server", "eth0"))


class Cell:
    """A lab with a server and its files for each family."""

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            self.lab = stack.enter_context(Lab(mode="both"))
            self.files = {}
            for family, addresses in self.lab.addresses.items():
                server = SmallServer(self.lab.server, addresses.server, self.lab.directory)
                self.files[family] = Files(stack.enter_context(server))
            yield self


@contextlib.contextmanager
def lossy(lab):
    """The cables lose and reorder. Yields a function that tells {cable: (packets that came, packets dropped)}."""
    def dropped():
        found = {}
        for name, device in CABLES:
            words = lab.hosts[name].output(["tc", "-s", "qdisc", "show", "dev", device]).replace(",", " ").split()
            sent, lost = int(words[words.index("pkt") - 1]), int(words[words.index("(dropped") + 1])
            found[f"{name} {device}"] = sent + lost, lost
        return found

    for name, device in CABLES:
        command = ["tc", "qdisc", "replace", "dev", device, "root", "netem", "limit", "10000", "delay", f"{DELAY_MS}ms",
                   "reorder", f"{REORDERED}%", "50%", "loss", f"{LOSS}%"]
        added = lab.hosts[name].run(command, check=False)
        if added.returncode != 0:
            raise Skip(f"this kernel ({os.uname().release}) has no netem: {added.stderr.strip().splitlines()[0]}")
    try:
        yield dropped
    finally:
        for name, device in CABLES:
            lab.hosts[name].run(["tc", "qdisc", "delete", "dev", device, "root"], check=False)


def in_parallel(jobs):
    """Runs all jobs at once; what one of them raised is raised."""
    errors = []

    def guarded(job):
        try:
            job()
        except Exception as error:  # passed on below
            errors.append(error)
    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND * 2)
    if errors:
        raise errors[0]
    check_equal([thread for thread in threads if thread.is_alive()], [], "sessions that never ended")


def ftplib_session(cell, family, number, passive):
    files = cell.files[family]
    with cell.lab.client.entered(), Client() as client:
        client.connect(cell.lab.server_seen(family))
        client.login()
        for own in range(number, TRANSFERS, SESSIONS):
            name = list(files.contents)[own // SESSIONS % len(files.contents)]
            client.transfer(files, f"{family}-{own}", name, upload=own // SESSIONS % 2 == 1, passive=passive)
        client.quit()


def lftp_session(cell, family, number, passive):
    """lftp repeats what fails; here it may not, so that a failure shows."""
    files, lab = cell.files[family], cell.lab
    address = lab.server_seen(family)
    host = f"[{address}]" if family == 6 else address
    names = list(files.contents)
    numbers = range(number, TRANSFERS, SESSIONS)
    gets = [f"get pub/{names[own // SESSIONS % len(names)]} -o {lab.path(f'down-{family}-{own}')}" for own in numbers]
    script = "\n".join([
        "set cmd:fail-exit yes", "set net:max-retries 1", f"set net:timeout {SECONDS:g}", "set net:persist-retries 0",
        "set ftp:ssl-allow no", "set ftp:use-mdtm no", "set ftp:use-size no", "set ftp:fix-pasv-address no",
        f"set ftp:passive-mode {'yes' if passive else 'no'}", f"set ftp:prefer-epsv {'yes' if family == 6 else 'no'}",
        f"open -u anonymous,lab@ ftp://{host}", *gets, "bye"])
    lab.client.run(["env", f"HOME={lab.directory}", "lftp", "--norc", "-c", script], timeout=2 * BOUND)
    for own in numbers:
        path = lab.path(f"down-{family}-{own}")
        with open(path, "rb") as file:
            files.check_received(names[own // SESSIONS % len(names)], file.read())
        os.remove(path)


def arrives_whole(cell, family, session, passive):
    lab = cell.lab
    since = lab.gateway.position()
    with Capture(lab.server, lab.directory, "tcp port 21") as far, lossy(lab) as dropped:
        began = time.monotonic()
        in_parallel([lambda number=number: session(cell, family, number, passive) for number in range(SESSIONS)])
        seconds = time.monotonic() - began
        losses = dropped()
    control = [segment for segment in far.segments() if segment.is_control()]
    print(f"# {TRANSFERS} transfers in {seconds:.1f} s; lost of sent: "
          + ", ".join(f"{name} {lost} of {came}" for name, (came, lost) in losses.items()), flush=True)
    check(all(segment.ip_valid and segment.tcp_valid for segment in control), "bad checksums")
    own = lab.addresses[family].client
    for text in (own.encode(), own.replace(".", ",").encode()):
        check_equal([segment.payload for segment in control if text in segment.payload], [],
                    "segments with the untranslated address that reached the server")
    check_equal([event for event in lab.gateway.events("refuse", since)], [], "lines that were refused")
    check(all(lost > 0 for _, lost in losses.values()), "a cable lost nothing")
    check(seconds <= BOUND, f"{seconds:.0f} s, and {BOUND} s are the bound")


def main():
    plan = Plan(__doc__)
    cell = Cell()
    rows = [(family, name, session, passive) for family in (4, 6) for name, session, passive in (
        ("ftplib, active", ftplib_session, False), ("lftp, active", lftp_session, False),
        ("lftp, passive", lftp_session, True))]
    for number, (family, name, session, passive) in enumerate(rows):
        # One with each client and each family is enough to show that it works.
        if FULL or number in (0, 4):
            plan.add(f"{TRANSFERS} transfers arrive whole over lossy lines that reorder: {name} (IPv{family})",
                     arrives_whole, family, session, passive, fixture=cell)
    plan.run()


if __name__ == "__main__":
    main()
