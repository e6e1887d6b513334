# SPDX-License-Identifier: GPL-3.0-or-later
#
# The tests, included by the Makefile. `make check` needs nothing but make on a fresh Debian: setup comes first, and
# what is tested is built by makes that start after it.
#
# Variables: V=1 shows what the suites print; FUZZ_SECONDS for each fuzz target; VM_LAB the lab programs that run on
# Debian's stock kernel; VM_SECONDS the time limit there; AGAIN how often what was late beside other suites has to be in time
# alone, 0 for a failure at once; STATEMENTS a file to list what was stated in.

RELEASE   := $(patsubst %/sanitize,%,$(BUILD))
SANITIZED := $(RELEASE)/sanitize
FUZZED    := $(RELEASE)/fuzz
MEMCHECKED := $(RELEASE)/valgrind
COVERED   := $(RELEASE)/coverage

SANITIZERS   := address,undefined
FUZZ_SECONDS ?= 20
VM_SECONDS   ?= 2400
AGAIN        ?= 3

# Random schedules for each capture, and which build they are run with: the sanitizers take ten times as long.
SPLIT_SCHEDULES ?= 40
SPLIT_BUILD     ?= $(RELEASE)
SPLIT_LIMIT     ?= 1800

LAB_SOURCES  := $(wildcard tests/lab/*.c)
BENCH_SOURCES := $(wildcard tests/bench/*.c)
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
REPLAY_SOURCES := $(wildcard tests/replay/*.c)
READERS_SOURCES := $(wildcard tests/readers/*.c)
# Programs that would take minutes more than a check should do a part of it unless LAB_FULL is set, as in check-long.
LAB_TESTS    := $(wildcard tests/lab/test_*.py)
LAB_BENCHES  := $(wildcard tests/lab/bench_*.py) $(wildcard tests/replay/bench_*.py)

LAB_PROGRAMS  := $(patsubst %.c,$(BUILD)/%,$(LAB_SOURCES))
BENCH_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(BENCH_SOURCES))
FUZZ_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SOURCES))
REPLAY_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(REPLAY_SOURCES))
READERS_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(READERS_SOURCES))

export UBSAN_OPTIONS ?= print_stacktrace=1
# Captures made by others, which are no part of this tree; tests that want them are skipped where they are not.
ifneq ($(wildcard ../shared/pcaps/.),)
export FTPALG_SHARED_PCAPS ?= $(abspath ../shared/pcaps)
endif
export FUZZ_SECONDS VM_SECONDS
export VM_DIRECTORY    ?= $(RELEASE)/vm
export FTPALG_SERVERS  ?= $(abspath $(RELEASE)/servers)
export FTPALG_NODE     ?= $(abspath $(RELEASE)/node)

# Makes for the three builds: as released, with sanitizers, for libFuzzer.
make-release   = +$(Q)$(MAKE) --no-print-directory $(if $(V),,-s) SANITIZE= BUILD=$(RELEASE)
make-sanitized = +$(Q)$(MAKE) --no-print-directory $(if $(V),,-s) SANITIZE=$(SANITIZERS) BUILD=$(SANITIZED)

$(BUILD)/tests/lab/%: $(BUILD)/tests/lab/%.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LINK_LIBS)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LINK_LIBS)

# Packets of the unit tests' own, for the instructions of the core.
$(BUILD)/tests/bench/count: $(BUILD)/tests/bench/count.o $(UNIT_ARCHIVE) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LINK_LIBS) -lcmocka

$(BUILD)/tests/replay/%: $(BUILD)/tests/replay/%.o $(BUILD)/tests/unit/kit/world.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LINK_LIBS)

$(BUILD)/tests/readers/%: $(BUILD)/tests/readers/%.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LINK_LIBS)

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LINK_LIBS)

# The proxy's harness has peers that speak TLS, and watches what the core is asked.
$(BUILD)/tests/fuzz/fuzz_proxy: $(BUILD)/tests/fuzz/peer.o $(BUILD)/tests/unit/kit/between.o
$(BUILD)/tests/fuzz/fuzz_proxy: LDFLAGS += -Wl,--wrap=session_input

-include $(BUILD)/tests/fuzz/peer.d
-include $(patsubst %.c,$(BUILD)/%.d,$(LAB_SOURCES) $(BENCH_SOURCES) $(FUZZ_SOURCES) $(REPLAY_SOURCES) $(READERS_SOURCES))

# The ends of test_many.py are those of the benches.
lab-programs: $(LAB_PROGRAMS) $(addprefix $(BUILD)/tests/bench/,load server transfers)
bench-programs: $(BENCH_PROGRAMS)
fuzz-programs: $(FUZZ_PROGRAMS)
replay-programs: $(REPLAY_PROGRAMS)
readers-programs: $(READERS_PROGRAMS)

# A suite's limit ends what hangs. Where the machine is slow or busy the slowest take three times as long as elsewhere.
RUN := tests/tools/run -l 900 $(if $(STATEMENTS),-o $(STATEMENTS))

# The suites, cheapest first, beside the longest: NAME[:SECONDS]=COMMAND, each one word for the shell. Those with a + run side by
# side.
SUITE_RUNNER := '+runner=tests/tools/run --self-test' '+mutants-self=tests/tools/mutants --self-test'
SUITE_PURE   := 'pure=tests/check-pure $(RELEASE)/libftpalg.a $(SANITIZED)/libftpalg.a' 'layers=tests/tools/layers $(RELEASE)' \
	'+layers-self=tests/tools/layers --self-test' '+mutate-rows=tests/tools/mutate --find'
SUITE_MAKE   := '+make=BUILD=$(RELEASE) tests/make/test_make.py' '+commands=BUILD=$(RELEASE) tests/make/test_commands.py' \
	'+client=BUILD=$(RELEASE) tests/make/test_client.py' '+watch=BUILD=$(RELEASE) tests/make/test_watch.py' \
	'+documents=tests/make/test_documents.py'
SUITES_UNIT  := $(foreach source,$(UNIT_SOURCES),\
	'+$(patsubst test_%.c,unit/%,$(notdir $(source)))=CMOCKA_MESSAGE_OUTPUT=TAP $(SANITIZED)/$(basename $(source))')
# These two only compute: in `make check` they have what the others leave.
SUITE_LINT   := 'lint:3600=nice -n 19 tests/tools/lint'
SUITE_VALGRIND := 'valgrind:3600=tests/tools/valgrind $(MEMCHECKED)'
SUITE_FUZZ   := 'fuzz:86400=nice -n 19 tests/fuzz/run $(FUZZED)'
# In two parts, or it would be at work long after all others.
REPLAYED     := FTPALG=$(abspath $(SANITIZED)/ftpalg) tests/replay/test_replay.py
SUITE_REPLAY := '+replay:2400=$(REPLAYED) -x "out of order"' '+disorder:2400=$(REPLAYED) -k "out of order"'
SUITE_READERS := '+readers:$(if $(LAB_FULL),3600,1800)=RELAY=$(abspath $(SANITIZED)/tests/readers/relay) tests/readers/test_readers.py'
SUITE_METRICS := '+metrics=BUILD=$(abspath $(SANITIZED)) tests/metrics/test_metrics.py'
SUITE_EVENTS := '+events=BUILD=$(abspath $(SANITIZED)) tests/events/test_schema.py'
SUITE_REPORT := '+report:1800=FTPALG=$(abspath $(SANITIZED)/ftpalg) tests/report/test_report.py' \
	'+probe-page=FTPALG=$(abspath $(SANITIZED)/ftpalg) tests/report/test_probe_page.py'
SUITE_SPLIT   = '+split:$(SPLIT_LIMIT)=SPLIT=$(abspath $(SPLIT_BUILD)/tests/replay/split) tests/replay/test_split.py $(SPLIT_SCHEDULES)'
# Labs wait more than they compute, each in its own network, so they run side by side, the longest first. Those that need
# all processors have them, last.
LAB_LONG     := $(foreach name,probe matrix interception dialogues tls_peers pass_by interop chaos,tests/lab/test_$(name).py)
LAB_ALONE    := $(foreach name,flood flood_kinds,tests/lab/test_$(name).py)
suite-lab     = '$(2)$(patsubst tests/lab/test_%.py,lab/%,$(1)):$(if $(LAB_FULL),7200,2400)=FTPALG=$(abspath $(SANITIZED)/ftpalg) $(1)'
SUITES_LAB   := $(foreach program,$(LAB_LONG) $(filter-out $(LAB_LONG) $(LAB_ALONE),$(LAB_TESTS)),$(call suite-lab,$(program),+))
SUITES_ALONE := $(foreach program,$(LAB_ALONE),$(call suite-lab,$(program)))
# What only the release build can show: the others go without the filter of system calls.
SUITE_CONFINED := '+lab/tls-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_tls.py -k filter' \
	'+lab/reload-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_events.py -k reload' \
	'+lab/events-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_events.py -k reads' \
	'+lab/proxy-reload-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_proxy_reload.py' \
	'+lab/sandbox-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_sandbox.py -k seccomp' \
	'+lab/advertise-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_advertise.py -k gateway -k name' \
	'+lab/busy-poll-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_busy_poll.py' \
	'+lab/metrics-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_metrics.py' \
	'+lab/cages-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_cages.py' \
	'+lab/captive-confined=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_captive.py'
SUITE_COMPARISON := '+comparison=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/compare/test_document.py'
# Big-endian, 32 bits, and the other processor that routers have.
SUITES_CROSS := $(foreach architecture,arm64 armhf s390x,\
	'cross/$(architecture):3600=tests/cross/run $(architecture) $(RELEASE)/cross')
SUITE_VM      = '+vm:$(shell expr $(VM_SECONDS) + 60)=FTPALG=$(abspath $(RELEASE)/ftpalg) tests/vm/run tests/vm/suite $(VM_LAB)'

# Each of these builds: several that are asked for at a time must not have two makes at one directory.
ifneq ($(filter check% coverage fuzz bench bench-count compare demo,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

setup:
	$(Q)tests/tools/setup

setup-build setup-demo setup-long: setup-%:
	$(Q)tests/tools/setup $*

check: setup
	$(make-release) all lab-programs replay-programs
	$(make-sanitized) all unit-programs lab-programs readers-programs
	$(Q)$(RUN) -a $(AGAIN) $(SUITE_PURE) $(SUITE_VM) $(SUITE_RUNNER) $(SUITE_MAKE) $(SUITES_UNIT) $(SUITE_COMPARISON) $(SUITE_REPLAY) \
		$(SUITE_READERS) \
		$(SUITE_EVENTS) $(SUITE_METRICS) \
		$(SUITE_REPORT) $(SUITE_SPLIT) $(SUITES_LAB) $(SUITE_CONFINED) $(SUITES_ALONE) '&'$(SUITE_LINT) '&'$(SUITE_FUZZ)

check-pure:
	$(make-release) all
	$(make-sanitized) $(SANITIZED)/libftpalg.a
	$(Q)$(RUN) $(SUITE_PURE) $(SUITE_MAKE)

check-make:
	$(make-release) all
	$(Q)$(RUN) $(SUITE_MAKE)

# What has to be green before anything is committed.
check-quick:
	$(make-release) all
	$(make-sanitized) all unit-programs
	$(Q)$(RUN) $(SUITE_PURE) $(SUITE_REPLAY) $(SUITE_EVENTS) $(SUITES_UNIT)

check-unit:
	$(make-sanitized) unit-programs
	$(Q)$(RUN) $(SUITES_UNIT) $(SUITE_EVENTS) $(SUITE_METRICS)

check-replay:
	$(make-sanitized) all
	$(Q)$(RUN) $(SUITE_REPLAY)

check-report:
	$(make-sanitized) all
	$(Q)$(RUN) $(SUITE_REPORT)

check-readers:
	$(make-sanitized) readers-programs
	$(Q)$(RUN) $(SUITE_READERS)

check-split:
	$(make-release) replay-programs
	$(Q)$(RUN) $(SUITE_SPLIT)

check-lint:
	$(Q)$(RUN) $(SUITE_LINT)

# Valgrind knows neither sanitizers nor what a compiler has optimised beyond recognition.
check-valgrind:
	+$(Q)$(MAKE) --no-print-directory $(if $(V),,-s) SANITIZE= BUILD=$(MEMCHECKED) OPTIMISE='-O1 -g' all unit-programs
	$(Q)$(RUN) $(SUITE_VALGRIND)

# What decides whether the tests are worth anything is tests/tools/mutate; this finds what they never come to.
coverage:
	+$(Q)$(MAKE) --no-print-directory $(if $(V),,-s) SANITIZE= BUILD=$(COVERED) CC=gcc OPTIMISE='-O0 -g --coverage' \
		LDOPTIMISE=--coverage all unit-programs replay-programs
	$(Q)tests/tools/coverage $(COVERED)

fuzz:
	$(Q)$(RUN) $(SUITE_FUZZ)

check-lab:
	$(make-sanitized) all lab-programs
	$(Q)$(RUN) $(SUITES_LAB) $(SUITES_ALONE)

check-vm:
	$(make-release) all lab-programs
	$(Q)$(RUN) $(SUITE_VM)

# All of the lab on the stock kernel too, and a long look for inputs that break something.
check-long: setup-long
	$(make-sanitized) replay-programs
	+$(Q)$(MAKE) --no-print-directory check AGAIN=0 FUZZ_SECONDS=300 VM_SECONDS=14400 LAB_FULL=1 VM_LAB='$(LAB_TESTS)' \
		SPLIT_SCHEDULES=400 SPLIT_BUILD=$(SANITIZED) SPLIT_LIMIT=7200
	$(Q)$(RUN) $(SUITES_CROSS)
	$(make-release) all bench-programs
	$(Q)$(RUN) 'deb:1800=tests/make/test_deb.py' 'nspawn:5400=tests/make/test_nspawn.py'
	$(Q)$(RUN) 'count:300=tests/bench/count $(RELEASE)/tests/bench/count'
	$(Q)$(RUN) 'mutate:7200=tests/tools/mutate' 'mutants:28800=tests/tools/mutants'
	$(Q)$(RUN) 'lab/flood_kinds:1800=LAB_FULL=1 FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_flood_kinds.py' \
		'lab/handshakes:900=LAB_FULL=1 FTPALG=$(abspath $(RELEASE)/ftpalg) tests/lab/test_handshakes.py'

# How many instructions a packet takes, whichever machine this is.
bench-count:
	$(make-release) all bench-programs
	$(Q)$(RUN) 'count:300=tests/bench/count $(RELEASE)/tests/bench/count'

check-cross: setup-long
	$(Q)$(RUN) $(SUITES_CROSS)

bench: setup
	$(make-release) all lab-programs bench-programs
	$(Q)FTPALG=$(abspath $(RELEASE)/ftpalg) tests/bench/bench.py --json $(RELEASE)/bench.json
	$(Q)$(RELEASE)/tests/bench/table 1000 10000 100000 1000000
	$(Q)for program in $(LAB_BENCHES); do FTPALG=$(abspath $(RELEASE)/ftpalg) $$program || exit 1; done

# doc/comparison.md: other FTP helpers beside this one.
compare: setup
	$(make-release) all
	$(Q)FTPALG=$(abspath $(RELEASE)/ftpalg) tests/compare/test_helpers.py
	$(Q)FTPALG=$(abspath $(RELEASE)/ftpalg) tests/compare/compare

demo: setup-demo
	$(make-release) all
	$(Q)FTPALG=$(abspath $(RELEASE)/ftpalg) tests/demo

.PHONY: setup setup-build setup-demo setup-long check check-quick check-pure check-make check-unit check-replay check-report check-readers check-split check-lint check-valgrind check-lab check-vm check-cross check-long \
	coverage fuzz bench compare demo \
	lab-programs bench-programs fuzz-programs replay-programs readers-programs
