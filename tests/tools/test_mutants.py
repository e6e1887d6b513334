#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/tools/mutants finds in a text, and what it makes of it. Prints TAP."""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys

SOURCE = """
static bool is_small(int a, const char *b)
{
	/* if (this is prose) */
	if (a < 4 && (b[0] == 'x' || a->b >= 2))
		return false;
	while (next(&a, "if (0 < 1)"))
		a >>= a << 1;
	return a + b[1] <= 7;
}

int twice(int a)
{
	if (a)
		return 1;
	if (a)
		return a ? 1 < a : 2;
	return a << 8 | 1;
}
"""


def load():
    path = pathlib.Path(__file__).resolve().parent / "mutants"
    loader = importlib.machinery.SourceFileLoader("mutants", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutants", loader))
    sys.modules["mutants"] = module
    loader.exec_module(module)
    return module


def check_equal(found, expected, what):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def made():
    return load().mutate_file("x.c", SOURCE, 10)


def conditions_are_found_and_prose_and_strings_are_not():
    found = list(dict.fromkeys((mutant.function, mutant.condition, mutant.repeat) for mutant in made()[1]))
    check_equal(found, [("is_small", "a < 4 && (b[0] == 'x' || a->b >= 2)", 0), ("is_small", 'next(&a, "if (0 < 1)")', 0),
                        ("is_small", "a + b[1] <= 7", 0), ("twice", "a", 0), ("twice", "a", 1)], "conditions")


def every_comparison_is_moved_by_one_and_no_arrow_or_shift():
    moved = [mutant.text for mutant in made()[1] if mutant.kind.startswith("less")]
    check_equal(moved, ["a <= 4 && (b[0] == 'x' || a->b >= 2)", "a < 4 && (b[0] == 'x' || a->b > 2)",
                        "a + b[1] < 7"], "comparisons")


def every_part_is_taken_away_the_nested_ones_too():
    without = [load().fold(mutant.text) for mutant in made()[1] if mutant.kind.startswith("without")]
    check_equal(without, ["((void)(a < 4 ), 1) && (b[0] == 'x' || a->b >= 2)",
                          "a < 4 && ((void)( (b[0] == 'x' || a->b >= 2)), 1)",
                          "a < 4 && ( ((void)(b[0] == 'x' ), 0) || a->b >= 2)",
                          "a < 4 && (b[0] == 'x' || ((void)( a->b >= 2), 0) )"], "parts")


def numbers_follow_each_other_and_lines_stay():
    text, mutants = made()
    check_equal([f"mutant({10 + index}) ?" in text for index in range(len(mutants))], [True] * len(mutants), "numbers")
    check_equal(text.count("\n"), SOURCE.count("\n") + 2, "lines")


def verdict(survives, listed, asked_for=()):
    """What is said of a file with two mutants, of which the first survives or is noticed."""
    program = load()
    mutants = made()[1][:2]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        program.judge(mutants, {0: None if survives else "test", 1: "test"},
                      {mutants[number].name(): "a reason" for number in listed}, ["x.c"], asked_for)
    return said.getvalue().splitlines()[1].split(" - ")[0] + (" skipped" if "# SKIP 1" in said.getvalue() else "")


def survivors_are_listed_or_fail_and_files_without_any_are_skipped():
    for survives, listed, asked_for, expected in ((True, [0], [], "ok 1"), (True, [1], [], "not ok 1"),
                                                  (False, [0], [], "not ok 1"), (False, [], [], "ok 1"),
                                                  (True, [], [], "ok 1 skipped"), (True, [], ["x.c"], "not ok 1")):
        check_equal(verdict(survives, listed, asked_for), expected, f"{survives}, {listed}, {asked_for}")


STATEMENTS = (
    conditions_are_found_and_prose_and_strings_are_not,
    every_comparison_is_moved_by_one_and_no_arrow_or_shift,
    every_part_is_taken_away_the_nested_ones_too,
    numbers_follow_each_other_and_lines_stay,
    survivors_are_listed_or_fail_and_files_without_any_are_skipped,
)


def main():
    failures = 0
    print(f"1..{len(STATEMENTS)}")
    for number, statement in enumerate(STATEMENTS, 1):
        name = statement.__name__.replace("_", " ")
        try:
            statement()
            print(f"ok {number} - {name}")
        except AssertionError as error:
            failures += 1
            print(f"not ok {number} - {name}\n# {error}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
