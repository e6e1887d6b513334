# SPDX-License-Identifier: GPL-3.0-or-later
"""A shell on a terminal, which is tmux: what is typed, what is seen, and how the terminal is set."""

import itertools
import os
import pathlib
import shutil
import subprocess
import time

SECONDS = 15


def has_terminal():
    return shutil.which("tmux") is not None


class Terminal:
    """One in tmux, with a socket of its own below directory."""

    numbers = itertools.count()

    def __init__(self, directory, columns=80, rows=24):
        # One that has just ended may still have its socket.
        self._name = ["tmux", "-S", str(directory / f"tmux{next(self.numbers)}"), "-f", "/dev/null"]
        settings = directory / "bashrc"
        settings.write_text("PS1='$ '\nHISTFILE=\n")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "screen", "HOME": str(directory)}
        subprocess.run([*self._name, "new-session", "-d", "-x", str(columns), "-y", str(rows), f"bash --rcfile {settings} -i"],
                       check=True, env=environment, timeout=SECONDS)

    def close(self):
        subprocess.run([*self._name, "kill-server"], check=False, timeout=SECONDS, capture_output=True)

    def press(self, *keys):
        for key in keys:
            subprocess.run([*self._name, "send-keys", key], check=True, timeout=SECONDS)

    def type(self, line):
        subprocess.run([*self._name, "send-keys", "-l", line], check=True, timeout=SECONDS)
        self.press("Enter")

    def resize(self, columns, rows):
        subprocess.run([*self._name, "resize-window", "-x", str(columns), "-y", str(rows)], check=True, timeout=SECONDS)

    def screen(self):
        return subprocess.run([*self._name, "capture-pane", "-p"], check=True, timeout=SECONDS, capture_output=True,
                              text=True).stdout

    def wait(self, condition, what):
        """Until the condition holds for the screen, which is returned."""
        until = time.monotonic() + SECONDS
        while not condition(screen := self.screen()):
            if time.monotonic() > until:
                raise AssertionError(f"{what} is not seen in {SECONDS} s:\n{screen}")
            time.sleep(0.05)
        return screen

    def wait_for(self, text):
        return self.wait(lambda screen: text in screen, repr(text))

    def wait_without(self, text):
        return self.wait(lambda screen: text not in screen, f"no {text!r}")

    def child(self):
        """The program that the shell runs."""
        shell = subprocess.run([*self._name, "display", "-p", "#{pane_pid}"], check=True, timeout=SECONDS, capture_output=True,
                               text=True).stdout.strip()
        children = pathlib.Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        if len(children) != 1:
            raise AssertionError(f"the shell has {len(children)} children")
        return int(children[0])

    def shape(self):
        """How the terminal is set, and whether the cursor shows on the screen that has a history."""
        self.type("clear; stty -a | tr '\\n' ' '; echo END")
        shown = self.wait(lambda screen: "END\n$" in screen, "the end of stty").split("$")[0]
        flags = subprocess.run([*self._name, "display", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}"], check=True,
                               timeout=SECONDS, capture_output=True, text=True).stdout
        return " ".join(shown.split()), flags.strip()
