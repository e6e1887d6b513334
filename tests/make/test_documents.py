#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the documents name is there: files, the functions in them, make's targets, the folders and what they may use.
"""

import pathlib
import re
import sys
import textwrap

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))

from statements import check, run_statements

DOCUMENTS = sorted([*TOP.glob("*.md"), *TOP.glob("doc/**/*.md")])
# A name in capitals stands for any: NAME.scenario, test_attacks_CHAPTER.c.
ANY = re.compile(r"\b[A-Z]{4,}(?=[./]|$)|(?<=_)[A-Z]{4,}(?=\.)")
# Where a name may begin that is not written from the top on.
WITHIN = ("", "src", "src/core", "include/ftpalg", "tests")
# For everybody, so the table in architecture.md leaves them out.
FOR_ALL = {"base", "config"}


def lines(document):
    for number, line in enumerate(document.read_text().splitlines(), 1):
        yield f"{document.relative_to(TOP)}:{number}", line


def files():
    """All of the tree but what is built."""
    found = []
    for entry in TOP.iterdir():
        if entry.name not in ("build", ".git"):
            found.append(entry)
            found += entry.rglob("*") if entry.is_dir() else []
    return [path.relative_to(TOP) for path in found]


def is_name_of_file(name):
    """A path of this tree, or the name of a source; what is absolute is on a user's host."""
    if not re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", name):
        return False
    return re.search(r"\.(c|h|py|md|mk)$", name) or re.match(r"(src|tests|doc|include|pcaps|contrib|debian|rules)/", name)


class Names:
    def __init__(self):
        self._files = files()

    def find(self, name, document):
        """The files that a name in a document may stand for."""
        name = ANY.sub("*", name.rstrip("/"))
        if "/" not in name:
            return [path for path in self._files if path.match(name)]
        within = (*(TOP / folder for folder in WITHIN), document.parent)
        return [path.resolve().relative_to(TOP) for folder in within for path in folder.glob(name)]

    def all_files(self):
        missing = [f"{place}: {name}" for document in DOCUMENTS for place, line in lines(document)
                   for name in re.findall(r"`([^`]+)`", line) if is_name_of_file(name) and not self.find(name, document)]
        check(not missing, "\n".join(missing))

    def all_links(self):
        missing = [f"{place}: {name}" for document in DOCUMENTS for place, line in lines(document)
                   for name in re.findall(r"\]\(([^)#]+)", line) if "://" not in name and not (document.parent / name).exists()]
        check(not missing, "\n".join(missing))

    def all_functions(self):
        """`file.c` `function`, `function`: in one of the files that have this name."""
        missing = []
        for document in DOCUMENTS:
            for place, line in lines(document):
                for name, functions in re.findall(r"`([\w/]+\.(?:c|h|py))`((?:,? `\w+`)+)", line):
                    texts = [(TOP / path).read_text() for path in self.find(name, document)]
                    missing += [f"{place}: {name} {function}" for function in re.findall(r"\w+", functions)
                                if not any(re.search(rf"\b{function}\b", text) for text in texts)]
        check(not missing, "\n".join(missing))

    def all_calls(self):
        """function(), wherever it stands."""
        text = "\n".join((TOP / path).read_text() for path in self._files if path.suffix in (".c", ".h"))
        defined = set(re.findall(r"\b\w+(?=\()", text))
        missing = [f"{place}: {name}()" for document in DOCUMENTS for place, line in lines(document)
                   for name in re.findall(r"`(\w+)\(\)`", line) if name not in defined and not re.search(r"[A-Z]{4}|noun", name)]
        check(not missing, "\n".join(missing))


def all_targets():
    text = "\n".join(path.read_text() for path in (TOP / "Makefile", TOP / "tests/check.mk", TOP / "src/install.mk"))
    targets = {name for names in re.findall(r"^([\w. -]+):(?!=)", text, re.MULTILINE) for name in names.split()}
    missing = [f"{place}: make {name}" for document in DOCUMENTS for place, line in lines(document)
               for name in re.findall(r"`make ([a-z][\w.-]*)", line) if name not in targets]
    check(not missing, "\n".join(missing))


def layers():
    """tests/layers: each folder, and what it may use."""
    rows = re.findall(r"^([\w/]+):(.*)$", (TOP / "tests/layers").read_text(), re.MULTILINE)
    return {folder: {word for word in may.split() if not word.startswith("<")} for folder, may in rows}


def closure(folders, table):
    """These folders, and what they may use in their turn."""
    return set().union(folders, *(closure(table[folder], table) for folder in folders))


def the_table_of_folders():
    """architecture.md leaves out what a folder may use because another one that it names does."""
    table, shown = layers(), {}
    for folder, _, may in re.findall(r"^\| `([\w/]+)` \| (.*) \| ?(.*)\|$", (TOP / "doc/architecture.md").read_text(), re.MULTILINE):
        shown[folder] = set(re.findall(r"[\w/]+", re.sub(r"\(.*?\)", "", may)))
    check(list(shown) == list(table), f"the table has {list(shown)}, tests/layers {list(table)}")
    for folder, may in shown.items():
        check(may <= table[folder], f"{folder} may not use {may - table[folder]}")
        left = table[folder] - FOR_ALL - closure(may, table)
        check(not left, f"{folder} may use {left} too")


def statements(_):
    names = Names()
    yield "each file that a document names is there", names.all_files
    yield "and what it links to", names.all_links
    yield "a function that is named with its file is in it", names.all_functions
    yield "a function that is named alone is somewhere", names.all_calls
    yield "make has the targets that documents name", all_targets
    yield "architecture.md says of folders what tests/layers says", the_table_of_folders


if __name__ == "__main__":
    sys.exit(run_statements(textwrap.dedent(__doc__), statements))
