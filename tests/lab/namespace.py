# SPDX-License-Identifier: GPL-3.0-or-later
"""One network namespace: made, entered by this thread or by programs, and removed."""

import contextlib
import ctypes
import os
import subprocess

from process import Process

CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def _set_namespace(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


class Namespace:
    """A named network namespace with its loopback up. `logs` is the directory for the output of programs in it."""

    def __init__(self, name, prefix, logs):
        self.name = name
        self.full_name = f"{prefix}-{name}"
        self.path = f"/run/netns/{self.full_name}"
        self._logs = logs
        self._processes = []
        subprocess.run(["ip", "netns", "add", self.full_name], check=True)
        try:
            self.ip("link set lo up")
        except BaseException:
            self.close()
            raise

    def close(self):
        """Ends what was spawned here, newest first, and removes the namespace."""
        for process in reversed(self._processes):
            process.stop(timeout=3)
        subprocess.run(["ip", "netns", "delete", self.full_name], check=True)

    def command(self, command):
        """The command line that runs command in here."""
        return ["nsenter", f"--net={self.path}", "--", *[str(word) for word in command]]

    def run(self, command, check=True, timeout=60, **options):
        """Runs command to its end. Returns subprocess's result, with text output; a failure carries the output."""
        result = subprocess.run(self.command(command), check=False, text=True, errors="backslashreplace",
                                timeout=timeout, stdin=options.pop("stdin", subprocess.DEVNULL),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        if check and result.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: exit status {result.returncode}\n"
                               f"{result.stdout}{result.stderr}")
        return result

    def output(self, command):
        return self.run(command).stdout

    def ip(self, arguments):
        """ip(8) in here; arguments as one string."""
        subprocess.run(["ip", "-n", self.full_name, *arguments.split()], check=True)

    def sysctl(self, name, value):
        """Sets net.NAME; names with slashes, because interface names may hold dots."""
        with self.entered(), open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def read_sysctl(self, name):
        with self.entered(), open(f"/proc/sys/net/{name}", encoding="ascii") as file:
            return file.read().strip()

    def spawn(self, command, log=None, environment=None):
        """Starts command beside the test; it ends with the namespace at the latest."""
        number = len(self._processes)
        log = log or os.path.join(self._logs, f"{self.name}-{number}-{os.path.basename(str(command[0]))}.log")
        process = Process(self.command(command), log, environment)
        self._processes.append(process)
        return process

    @contextlib.contextmanager
    def entered(self):
        """This thread, and only it, is in the namespace: sockets that it makes belong there for good."""
        with open("/proc/thread-self/ns/net", "rb") as outside, open(self.path, "rb") as inside:
            _set_namespace(inside.fileno())
            try:
                yield
            finally:
                _set_namespace(outside.fileno())

    def counters(self):
        """The kernel's network counters of this namespace, as nstat(8) names them."""
        values = {}
        with self.entered():
            for file in ("netstat", "snmp"):
                with open(f"/proc/thread-self/net/{file}", encoding="ascii") as text:
                    lines = text.read().splitlines()
                for names, numbers in zip(lines[::2], lines[1::2]):
                    prefix = names.split(":")[0]
                    values.update(zip((prefix + name for name in names.split()[1:]), map(int, numbers.split()[1:])))
        return values
