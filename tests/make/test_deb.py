#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What `make deb` makes: packages that lintian has nothing to say about, units that give up what they don't need, and a program
that works from where it is unpacked. Nothing is installed, and no systemd runs.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))

from statements import Skip, check, run_statements

EXPOSURE = 1.7  # as systemd-analyze(1) counts it
UNITS = "lib/systemd/system"
BROUGHT = ("usr/sbin/ftpalg", f"{UNITS}/ftpalg.service", f"{UNITS}/ftpalg-rules.service",
           f"{UNITS}/ftpalg-proxy.service", "usr/libexec/ftpalg/rules", "usr/lib/sysusers.d/ftpalg.conf",
           "etc/logrotate.d/ftpalg", "usr/share/man/man8/ftpalg.8.gz", "usr/share/man/man5/ftpalg.conf.5.gz",
           "usr/share/bash-completion/completions/ftpalg", "usr/share/zsh/vendor-completions/_ftpalg",
           "usr/share/doc/ftpalg/README.md", "usr/share/doc/ftpalg/doc/architecture.md")


def run(*command, **environment):
    done = subprocess.run([str(word) for word in command], cwd=TOP, env={**os.environ, **environment}, text=True,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


class Packages:
    def __init__(self, directory):
        self.root = pathlib.Path(directory)
        self.made = None

    def build(self):
        for program in ("dpkg-buildpackage", "dh", "lintian"):
            if not shutil.which(program):
                raise Skip(f"{program} is not here; make setup-long installs it")
        # The unit tests are this tree's own, and have been run.
        run("make", "deb", MAKEFLAGS="", MAKELEVEL="", DEB_BUILD_OPTIONS="nocheck")
        self.made = list((TOP / "build/deb").glob("*.deb"))
        check(len(self.made) == 3, f"made: {self.made}")
        for package in self.made:
            run("dpkg", "-x", package, self.root)
        missing = [name for name in BROUGHT if not (self.root / name).exists()]
        check(not missing, f"the packages lack {missing}")

    def of_the_packages(self):
        if not self.made:
            raise Skip("there are no packages")

    def please_lintian(self):
        self.of_the_packages()
        said = run("lintian", "-EI", "--allow-root", next((TOP / "build/deb").glob("*.changes")))
        told = [line for line in said.splitlines() if re.match("[EWI]: ", line)]
        check(not told, "\n".join(told))

    def give_up_rights(self):
        self.of_the_packages()
        if not shutil.which("systemd-analyze"):
            raise Skip("systemd-analyze is not here")
        for unit in ("ftpalg.service", "ftpalg-proxy.service"):
            said = run("systemd-analyze", "security", "--no-pager", "--offline=true", self.root / UNITS / unit)
            found = re.search(rf"exposure level for {unit}: ([0-9.]+)", said)
            check(found and float(found[1]) <= EXPOSURE, said[-300:])

    def never_stay_dead(self):
        """Whatever ends them, they are started again, and nobody gives up."""
        self.of_the_packages()
        for unit in ("ftpalg.service", "ftpalg-proxy.service"):
            text = (self.root / UNITS / unit).read_text(encoding="utf-8")
            for line in ("Type=notify", "NotifyAccess=main", "WatchdogSec=30", "Restart=always", "StartLimitIntervalSec=0"):
                check(f"\n{line}\n" in text, f"{unit} lacks {line}")
            check("IPAddressDeny=any" not in text.replace("# Never IPAddressDeny=any", ""), f"{unit} stops the gateway's packets")

    def follow_links(self):
        """What README links is there, or is of the source alone and not of who installs."""
        self.of_the_packages()
        documents = self.root / "usr/share/doc/ftpalg"
        links = re.findall(r"\]\((?!http)([^)#]+)\)", (documents / "README.md").read_text(encoding="utf-8"))
        of_the_source = {"CONTRIBUTING.md", "SECURITY.md", "COPYING", "CHANGELOG.md", "doc/", "tests/", "pcaps/", "rules/"}
        lost = [link for link in links if link not in of_the_source and not (documents / link).exists()]
        check(links and not lost, f"README links {lost}, which no package brings")

    def transfer(self):
        self.of_the_packages()
        if os.getuid() != 0:
            raise Skip("only root can make network namespaces of its own")
        said = run(TOP / "tests/lab/enter", TOP / "debian/tests/transfer", PATH=f"{self.root}/usr/sbin:{os.environ['PATH']}")
        check("a file came through the gateway" in said, said[-2000:])


def statements(directory):
    packages = Packages(directory)
    yield "make deb makes the packages, with all that they are for", packages.build
    yield "lintian has nothing to say about them", packages.please_lintian
    yield f"the units' exposure is {EXPOSURE} at most", packages.give_up_rights
    yield "the units are watched, and are started again however often they end", packages.never_stay_dead
    yield "what README links is installed", packages.follow_links
    yield "the package's own test transfers a file", packages.transfer


if __name__ == "__main__":
    sys.exit(run_statements(textwrap.dedent(__doc__), statements))
