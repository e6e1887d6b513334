#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The package on a Debian 12 of its own, with systemd as its first process, as a router between two hosts:

    ftpalg-c --- ftpalg-r: systemd-nspawn, the package --- ftpalg-s

It is installed, configured, used, upgraded in the middle of a transfer, robbed of its rules by other firewall managers,
killed, hung and purged. What an administrator reads is looked at on the way. Statements build on those before them.

The system is made by debootstrap once, in FTPALG_NSPAWN (build/nspawn by default), and no run changes it.
"""

import contextlib
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/lab")]

import guide
from namespace import Namespace
from servers import Vsftpd
from terminal import Terminal, has_terminal
from statements import Skip, check, run_statements

SYSTEM = pathlib.Path(os.environ.get("FTPALG_NSPAWN") or TOP / "build/nspawn")
SUITE = "bookworm"
PARTS = ("systemd-sysv", "dbus", "libpam-systemd", "nftables", "iptables", "iproute2", "procps", "logrotate", "kmod",
         "libcap-ng0", "libevent-core-2.1-7", "libinih1", "libjansson4", "libmnl0", "libnetfilter-queue1", "libpcap0.8",
         "libseccomp2", "libssl3", "firewalld")
WATCHDOG = 30  # as the unit has it
NFTABLES = """#!/usr/sbin/nft -f
flush ruleset
table inet own {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "inside" tcp dport 21 ct state new accept
  }
}
table ip translate {
  chain translate {
    type nat hook postrouting priority srcnat;
    oifname "outside" masquerade
  }
}
"""
CONFIGURATION = "[gateway]\nrestore-rules = yes\nevents = /var/log/ftpalg/events.json\n"

loader = importlib.machinery.SourceFileLoader("transfer", str(TOP / "debian/tests/transfer"))
transfer = importlib.util.module_from_spec(importlib.util.spec_from_loader("transfer", loader))
loader.exec_module(transfer)
transfer.SLOWLY = 60  # an upgrade of the package takes its time on a busy machine


def run(*command, demand=True, seconds=300, **options):
    done = subprocess.run([str(word) for word in command], text=True, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds, **options)
    check(not demand or done.returncode == 0, f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}")


def rename_devices(names):
    """Those of the router, whose addresses stay."""
    for old, new in names.items():
        run("ip", "-n", "ftpalg-r", "link", "set", old, "down")
        run("ip", "-n", "ftpalg-r", "link", "set", old, "name", new)
        run("ip", "-n", "ftpalg-r", "link", "set", new, "up")


def make_system():
    """A system to run in, if there is none yet."""
    if (SYSTEM / "etc/debian_version").exists() and not (SYSTEM / "debootstrap").exists():
        return
    if not shutil.which("debootstrap"):
        raise Skip("debootstrap is not here; make setup-long installs it")
    unfinished = SYSTEM.with_name(SYSTEM.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    run("debootstrap", "--variant=minbase", f"--include={','.join(PARTS)}", SUITE, unfinished, seconds=3600)
    (unfinished / "etc/nftables.conf").write_text(NFTABLES, encoding="ascii")
    unfinished.rename(SYSTEM)


class Router:
    """The system that runs, and what is done in it."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.nspawn = None
        self.leader = None
        self.names = set()

    def inside(self, command, demand=True, seconds=120, **options):
        return run("nsenter", "--target", self.leader, "--all", "--root", "--wd", "/bin/sh", "-c", command, demand=demand, seconds=seconds,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SYSTEMD_PAGER": "", "TERM": "dumb",
                        "DEBIAN_FRONTEND": "noninteractive"}, **options)

    def boot(self):
        for program in ("systemd-nspawn", "nsenter"):
            if not shutil.which(program):
                raise Skip(f"{program} is not here; make setup-long installs it")
        if os.getuid() != 0:
            raise Skip("only root can run another system")
        make_system()
        transfer.build()
        with open(self.directory / "console", "wb") as console:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", f"--directory={SYSTEM}", "--volatile=overlay", "--register=no", "--keep-unit", "--machine=ftpalg-r",
                 "--network-namespace-path=/run/netns/ftpalg-r", "--capability=all", "--console=pipe", "--resolv-conf=off",
                 "--timezone=off", "--link-journal=no", f"--bind-ro={self.directory}:/packages", "--boot"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children")
        self.leader = wait_until(lambda: self.nspawn.poll() is not None or children.read_text(encoding="ascii").split(), "a process")
        check(self.nspawn.poll() is None, (self.directory / "console").read_text(errors="replace")[-2000:])
        self.leader = self.leader[0]
        wait_until(lambda: re.search("running|degraded", self.inside("systemctl is-system-running", demand=False)), "the system", 120)
        self.inside("systemctl stop firewalld ufw 2>/dev/null; systemctl disable firewalld ufw 2>/dev/null; nft flush ruleset;"
                    " systemctl mask vsftpd 2>/dev/null; true")

    def is_up(self):
        if not self.leader or self.nspawn.poll() is not None:
            raise Skip("there is no system")

    def end(self):
        if self.nspawn and self.nspawn.poll() is None:
            self.nspawn.terminate()  # which asks the system to halt
            try:
                self.nspawn.wait(60)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        for host in transfer.HOSTS:
            subprocess.run(["ip", "netns", "delete", host], check=False, stderr=subprocess.DEVNULL)

    # What is seen

    def status(self):
        return self.inside("systemctl status ftpalg --no-pager --lines=0", demand=False)

    def main_pid(self):
        return self.inside("systemctl show --property=MainPID --value ftpalg").strip()

    def log(self, since=""):
        return self.inside(f"journalctl --no-pager -o cat -u ftpalg -u ftpalg-rules {since}")

    def rules(self):
        return self.inside("nft list ruleset; iptables-save; ip6tables-save", demand=False)

    def are_loaded(self):
        return "nf_tables" in (text := self.rules()) and re.search("queue num 21|--queue-num 21", text)

    def transfers(self):
        with transfer.Session() as session:
            session.retrieve()


class Beside(Namespace):
    """A namespace that is there already, for a server of the lab's."""

    def __init__(self, full_name, logs):  # pylint: disable=super-init-not-called
        self.name = self.full_name = full_name
        self.path = f"/run/netns/{full_name}"
        self._logs = str(logs)
        self._processes = []

    def close(self):
        for process in reversed(self._processes):
            process.stop(timeout=3)


class Story:
    def __init__(self, directory):
        self.router = Router(directory)
        self.directory = pathlib.Path(directory)

    def make_packages(self):
        """What `make deb` makes, and the same with a later version."""
        packages = sorted((TOP / "build/deb").glob("ftpalg_*.deb"))
        if not packages:
            run("make", "deb", cwd=TOP, env={**os.environ, "MAKEFLAGS": "", "DEB_BUILD_OPTIONS": "nocheck"}, seconds=1800)
            packages = sorted((TOP / "build/deb").glob("ftpalg_*.deb"))
        shutil.copy(packages[0], self.directory / "first.deb")
        tree = self.directory / "tree"
        run("dpkg-deb", "-R", packages[0], tree)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"(?m)^Version: (.*)$", r"Version: \1+rebuilt", control.read_text(encoding="utf-8")), encoding="utf-8")
        run("dpkg-deb", "--root-owner-group", "-b", tree, self.directory / "second.deb")
        shutil.rmtree(tree)

    def boots(self):
        self.make_packages()
        self.router.boot()
        transfer.serve()

    def installs(self):
        self.router.is_up()
        self.router.inside("dpkg -i /packages/first.deb")
        said = self.router.status()
        check("enabled" in said and "inactive (dead)" in said, said)
        check("start condition failed" in said, said)
        said = self.router.inside("journalctl --no-pager -o cat -u ftpalg")
        check("ConditionPathExists=/etc/ftpalg/ftpalg.conf" in said, said)
        check(not self.router.are_loaded(), "rules are loaded, and nothing was configured")

    def serves(self):
        self.router.is_up()
        self.router.inside("cat >/etc/nftables.conf", input=NFTABLES)
        self.router.inside("systemctl enable --now nftables")
        self.router.inside("cat >/etc/ftpalg/ftpalg.conf", input=CONFIGURATION)
        self.router.inside("systemctl start ftpalg")  # which returns when it is ready
        said = self.router.status()
        check("active (running)" in said and 'Status: "queue 21: served"' in said, said)
        check(self.router.are_loaded(), self.router.rules())
        check("_ftpalg" in self.router.inside(f"ps -o user:20= -p {self.router.main_pid()}"), "it runs as somebody else")
        said = self.router.inside("ftpalg check", demand=False)
        check("MISSING" not in said, said)
        self.router.transfers()

    def scores(self):
        self.router.is_up()
        for unit in ("ftpalg", "ftpalg-proxy"):
            said = self.router.inside(f"systemd-analyze security --no-pager {unit}")
            found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
            check(found and float(found[1]) <= 1.7, said[-300:])

    def is_upgraded(self):
        self.router.is_up()
        before, failures = self.router.main_pid(), []

        def fetch_slowly():
            try:
                with transfer.Session() as session:
                    session.retrieve("slow")
            except BaseException as failure:  # told by the statement
                failures.append(failure)
        with transfer.Session() as session:
            session.retrieve()
            running = threading.Thread(target=fetch_slowly)
            running.start()
            time.sleep(1)
            self.router.inside("dpkg -i /packages/second.deb")
            check(running.is_alive(), "the transfer was over before the upgrade was")
            wait_until(lambda: self.router.log().count("ftpalg: ready") >= 2, "the next program")
            session.retrieve()
            running.join()
        check(not failures, f"the transfer that was under way: {failures}")
        check(self.router.main_pid() == before, "another process has the service")
        check("(deleted)" not in self.router.inside(f"readlink /proc/{before}/exe"), "the program that was replaced still runs")
        check('Status: "queue 21: served"' in self.router.status(), self.router.status())

    def reloads(self):
        self.router.is_up()
        self.router.inside("echo nonsense >>/etc/ftpalg/ftpalg.conf")
        said = self.router.inside("systemctl reload ftpalg; echo status $?", demand=False)
        check("status 1" in said, f"a reload of nonsense has succeeded: {said}")
        check("neither a setting nor a comment" in self.router.log(), f"the log does not say why: {self.router.log()[-1000:]}")
        wait_until(lambda: "not taken over" in self.router.status(), "the fault in the status")
        self.router.transfers()
        self.router.inside("cat >/etc/ftpalg/ftpalg.conf", input=CONFIGURATION)
        self.router.inside("systemctl reload ftpalg")
        wait_until(lambda: 'Status: "queue 21: served"' in self.router.status(), "the status")

    def is_rotated(self):
        self.router.is_up()
        self.router.inside("logrotate -f /etc/logrotate.d/ftpalg")
        wait_until(lambda: "events.json.1" in self.router.inside("ls /var/log/ftpalg"), "the old file")
        self.router.transfers()
        wait_until(lambda: "session-open" in self.router.inside("cat /var/log/ftpalg/events.json", demand=False), "events in the new one")

    def comes_back_after(self, command, what):
        self.router.is_up()
        wait_until(self.router.are_loaded, "the rules before")
        self.router.inside(command)
        wait_until(self.router.are_loaded, f"the rules after {what}", 60)
        self.router.inside("systemctl is-active ftpalg")
        time.sleep(3)  # whoever doubted has looked again
        check(self.router.are_loaded(), "the rules have gone again")
        self.router.transfers()

    def nftables_reloads(self):
        self.comes_back_after("systemctl reload nftables", "a reload of nftables")
        self.comes_back_after("systemctl restart nftables", "a restart of nftables")

    def is_flushed_by_hand(self):
        self.comes_back_after("nft flush ruleset; nft -f /etc/nftables.conf", "a flush by hand")
        check(re.search(r'the rules for IPv4, after a change by "nft".* are gone', self.router.log()),
              self.router.log()[-2000:])

    def firewalld_reloads(self):
        """Beside firewalld, which lets pass what is related; the host's own filter gives way to it."""
        self.router.is_up()
        if not self.router.inside("command -v firewall-cmd", demand=False):
            raise Skip("firewalld is not in this system")
        self.router.inside("systemctl stop nftables; systemctl start ftpalg-rules; systemctl start firewalld", seconds=180)
        self.router.inside("firewall-cmd --zone=trusted --change-interface=inside; firewall-cmd --zone=trusted --change-interface=outside;"
                           " firewall-cmd --zone=trusted --add-masquerade; firewall-cmd --runtime-to-permanent", demand=False)
        self.comes_back_after("firewall-cmd --reload", "a reload of firewalld")
        self.comes_back_after("firewall-cmd --complete-reload", "a complete reload of firewalld")
        self.router.inside("systemctl stop firewalld; systemctl start nftables ftpalg-rules")

    def firewalld_guide(self):
        """doc/guides/beside-firewalld.md, word for word, between hosts as it draws them."""
        self.router.is_up()
        if not self.router.inside("command -v firewall-cmd", demand=False):
            raise Skip("firewalld is not in this system")
        self.router.inside("systemctl stop nftables ftpalg ftpalg-rules; nft flush ruleset; systemctl start firewalld; "
                           "firewall-cmd --permanent --zone=trusted --remove-interface=inside; "
                           "firewall-cmd --permanent --zone=trusted --remove-interface=outside; firewall-cmd --reload",
                           demand=False, seconds=180)
        rename_devices({"inside": "lan0", "outside": "wan0"})
        for host, device, address in (("ftpalg-r", "lan0", "192.168.1.1/24"), ("ftpalg-c", "eth0", "192.168.1.10/24"),
                                      ("ftpalg-r", "wan0", "198.51.100.1/24"), ("ftpalg-s", "eth0", "198.51.100.254/24"),
                                      ("ftpalg-s", "eth0", "203.0.113.9/32")):
            run("ip", "-n", host, "address", "add", address, "dev", device)
        run("ip", "-n", "ftpalg-r", "route", "add", "203.0.113.9", "via", "198.51.100.254")
        run("ip", "-n", "ftpalg-c", "route", "replace", "default", "via", "192.168.1.1", "src", "192.168.1.10")
        world = Beside("ftpalg-s", self.directory)
        try:
            with Vsftpd(world, "203.0.113.9", str(self.directory / "world")) as server:
                pathlib.Path(server.path("hello.txt")).write_text("hello\n", encoding="ascii")
                self.walk("beside-firewalld")
        finally:
            world.close()
            rename_devices({"lan0": "inside", "wan0": "outside"})
            run("ip", "-n", "ftpalg-c", "route", "replace", "default", "via", transfer.INSIDE)
            self.router.inside("systemctl stop firewalld; systemctl start nftables; systemctl restart ftpalg-rules", demand=False)
            self.router.inside("cat >/etc/ftpalg/ftpalg.conf; systemctl restart ftpalg", input=CONFIGURATION)

    def walk(self, name):
        status = 0
        for command in guide.commands(name):
            def say(command=command, status=status):
                text = command.text
                if text.startswith("apt install"):
                    text = "true"  # it is, since a statement before
                if command.host == "router":
                    text = f"(exit {status}); {text}\necho status=$?"
                    said = self.router.inside(text, demand=False, seconds=180)
                else:
                    said = run("ip", "netns", "exec", "ftpalg-c", "sh", "-c", f"{text}; echo status=$?", demand=False)
                return re.fullmatch(r"(?s)(.*)status=(\d+)\n", said).groups()
            said, status = say()
            # What firewalld has thrown away comes back soon, where this kernel has no queue for nft.
            if command.text.startswith(("ftpalg status", "ftpalg check", "curl")):
                with contextlib.suppress(AssertionError):
                    # pylint: disable-next=cell-var-from-loop
                    said, status = wait_until(lambda: command.is_answered_by((heard := say())[0]) and heard, "", 30)
            check(command.is_answered_by(said), f"{name}.md, line {command.number}: {command.text}\nsays\n{said}")

    def is_looked_at(self):
        """What an administrator sees while a session is open, and in a terminal."""
        self.router.is_up()

        def seen(command, *words):
            return wait_until(lambda: all(word in (said := self.router.inside(command, demand=False)) for word in words)
                              and said, f"{words} in {command}, which says {self.router.inside(command, demand=False)}")
        with transfer.Session() as session:
            session.retrieve()
            seen("ftpalg status", "queue 21", "healthy")
            seen("ftpalg sessions", transfer.CLIENT, transfer.SERVER)
            seen("ftpalg transfers", transfer.CLIENT, "file", "complete 226")
            seen(f"ftpalg why {transfer.CLIENT}", "PORT", "RETR file", "nobody is at fault")
            if not has_terminal():
                raise Skip("tmux is not here")
            terminal = Terminal(self.directory, columns=120)
            try:
                terminal.type(f"TERM=screen nsenter --target {self.router.leader} --all --root --wd /usr/sbin/ftpalg watch")
                terminal.wait_for(transfer.CLIENT)
                terminal.press("q")
                terminal.wait_for("$")
            finally:
                terminal.close()

    def is_killed(self):
        self.router.is_up()
        before = self.router.main_pid()
        self.router.inside(f"kill -KILL {before}")
        wait_until(lambda: self.router.main_pid() not in ("0", before) and "active (running)" in self.router.status(), "another one")
        self.router.transfers()

    def hangs(self):
        self.router.is_up()
        before = self.router.main_pid()
        self.router.inside(f"kill -STOP {before}")
        wait_until(lambda: self.router.main_pid() not in ("0", before) and "active (running)" in self.router.status(), "another one",
                   WATCHDOG + 30)
        check("Watchdog timeout" in self.router.inside("journalctl --no-pager -u ftpalg"), "it was not the watchdog")
        self.router.transfers()

    def has_a_proxy(self):
        """A unit of its own reads keys that its user can't read."""
        self.router.is_up()
        self.router.inside("mkdir -p -m 700 /etc/ftpalg-proxy/keys && ftpalg ca init --key /etc/ftpalg-proxy/keys/ca.key"
                           " --certificate /etc/ftpalg-proxy/ca.pem && chmod 644 /etc/ftpalg-proxy/ca.pem")
        self.router.inside("cat >/etc/ftpalg-proxy/ftpalg.conf", input="[gateway]\nmonitor = none\ncontrol = none\n[proxy]\nport = 2121\n"
                           "ca-certificate = /etc/ftpalg-proxy/ca.pem\nca-key = /etc/ftpalg-proxy/keys/ca.key\n")
        self.router.inside("systemctl start ftpalg-proxy", demand=False)
        said = self.router.inside("systemctl status ftpalg-proxy --no-pager --lines=20", demand=False)
        check("active (running)" in said and 'Status: "port 2121: served"' in said, said)
        pid = self.router.inside("systemctl show --property=MainPID --value ftpalg-proxy").strip()
        check("_ftpalg-proxy" in self.router.inside(f"ps -o user:20= -p {pid}"), "it runs as somebody else")
        self.router.inside("systemctl stop ftpalg-proxy")

    def is_purged(self):
        self.router.is_up()
        self.router.inside("dpkg -P ftpalg")
        text = self.router.rules()
        check("ftpalg" not in text.lower(), text)
        left = self.router.inside("find / -xdev -path /packages -prune -o -iname '*ftpalg*' -print; find /run /etc /var -iname '*ftpalg*'"
                                  " -print; grep ftpalg /etc/passwd /etc/group", demand=False)
        check(not left.strip(), f"left behind: {left}")
        check(not self.router.inside("pgrep -a ftpalg", demand=False), "a process is left")


def main():
    stories = []

    def statements(directory):
        story = Story(directory)
        stories.append(story)
        yield "a Debian 12 comes up, with systemd", story.boots
        yield "the package is installed, and waits until it is configured", story.installs
        yield "a home router is configured, the service is ready, and a file comes through", story.serves
        yield "status, sessions, transfers, why and watch show an open session and what it did", story.is_looked_at
        yield "the running units' exposure is 1.7 at most", story.scores
        yield "an upgrade loses neither a transfer nor an open session, in the same process", story.is_upgraded
        yield "a reload that fails says so, and is the unit's status, until one does not", story.reloads
        yield "events go on in a new file after logrotate", story.is_rotated
        yield "the rules come back after reload and restart of nftables", story.nftables_reloads
        yield "the rules come back after a flush by hand, which is told", story.is_flushed_by_hand
        yield "the rules come back after firewalld's reloads", story.firewalld_reloads
        yield "doc/guides/beside-firewalld.md: its commands do what it says", story.firewalld_guide
        yield "a gateway that is killed is there again", story.is_killed
        yield "one that hangs is replaced by the watchdog", story.hangs
        yield "a proxy of its own reads keys that root keeps", story.has_a_proxy
        yield "purged, it leaves nothing, loaded rules included", story.is_purged
    try:
        return run_statements(textwrap.dedent(__doc__), statements)
    finally:
        for story in stories:
            story.router.end()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if "FTPALG_ENTERED" not in os.environ:
        os.environ["FTPALG_ENTERED"] = "yes"
        os.execv(TOP / "tests/lab/enter", [str(TOP / "tests/lab/enter"), sys.executable, "-B", os.path.abspath(__file__), *sys.argv[1:]])
    sys.exit(main())
