# SPDX-License-Identifier: GPL-3.0-or-later
#
# make            build/ftpalg
# make check      installs what is missing, builds, runs every test
# make demo       installs what is missing, builds, shows the gateway at work
# make help       the other targets
#
# Variables: V=1 shows commands; SANITIZE=address,undefined builds into build/sanitize; WERROR=1 as in CI;
# DESTDIR and PREFIX for install.

PREFIX     ?= /usr
SBINDIR    ?= $(PREFIX)/sbin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
DOCDIR     ?= $(PREFIX)/share/doc/ftpalg
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions

# The only place that says it: the program, ftpalg.pc and the manuals have it from here.
VERSION := 0.1.0

CC     ?= cc
PKG_CONFIG ?= pkg-config

ifdef SANITIZE
BUILD ?= build/sanitize
else
BUILD ?= build
endif

comma := ,
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(patsubst $(CURDIR)/%,%,$(2))')

# The libraries as pkg-config knows them, each with the Debian package that brings it.
PACKAGE_libmnl             := libmnl-dev
PACKAGE_libnetfilter_queue := libnetfilter-queue-dev
PACKAGE_libevent_core      := libevent-dev
PACKAGE_libssl             := libssl-dev
PACKAGE_libcrypto          := libssl-dev
PACKAGE_inih               := libinih-dev
PACKAGE_jansson            := libjansson-dev
PACKAGE_libseccomp         := libseccomp-dev
PACKAGE_libcap-ng          := libcap-ng-dev
PACKAGE_libpcap            := libpcap-dev
LIBRARIES := $(patsubst PACKAGE_%,%,$(filter PACKAGE_%,$(.VARIABLES)))
PACKAGE_cmocka             := libcmocka-dev

# These need no compiler, or bring it.
ifneq ($(filter-out help clean deb setup setup-build setup-demo setup-long check demo check-cross check-long bench compare uninstall,$(or $(MAKECMDGOALS),all)),)

needed := $(LIBRARIES) $(if $(filter unit-programs bench-programs,$(MAKECMDGOALS)),cmocka)
works = $(shell $(1) >/dev/null 2>&1 && echo yes)
library_missing = $(if $(call works,$(PKG_CONFIG) --exists $(1)),,$(PACKAGE_$(1)))
MISSING := $(if $(call works,$(CC) --version),,gcc) $(if $(call works,$(PKG_CONFIG) --version),,pkgconf)
ifeq ($(strip $(MISSING)),)
MISSING := $(if $(call works,$(PKG_CONFIG) --exists $(needed)),,$(foreach library,$(needed),$(call library_missing,$(library))))
endif
ifneq ($(strip $(MISSING)),)
$(error What ftpalg is built with is missing. Debian has it in: $(sort $(MISSING)). `make setup` installs that, as root)
endif

LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
LIB_NAMES  := $(shell for name in $(sort $(filter-out libcrypto,$(LIBRARIES))); do echo "$$name $$($(PKG_CONFIG) --modversion $$name),"; done)
LIB_LIBS   := $(shell $(PKG_CONFIG) --libs $(LIBRARIES))

# The archiver and the lister of symbols that the compiler uses: others may not know its processor.
ifeq ($(origin AR),default)
AR := $(shell $(CC) -print-prog-name=ar)
endif
NM := $(shell $(CC) -print-prog-name=nm)

# What only some processors and compilers have: tried, not assumed.
tried = $(if $(call works,$(CC) -Werror $(1) -S -o - -x c /dev/null),$(1))
HARDENING_TRIED := $(call tried,-fstack-clash-protection) $(call tried,-fcf-protection) $(call tried,-mbranch-protection=standard)

# Without instructions of their own for it, processors have atomic operations in a library.
LIB_ATOMIC := $(if $(filter /%,$(shell $(CC) -print-file-name=libatomic.so)),-latomic)

# Libraries are called with times, so 32-bit hosts have those of 64 bits where the libraries were built with them.
ifneq ($(shell $(CC) -E -dM -x c /dev/null | grep '__SIZEOF_LONG__ 4'),)
LIB_TIME := $(if $(shell $(NM) -D $(PKG_CONFIG_SYSROOT_DIR)$$($(PKG_CONFIG) --variable=libdir libevent_core)/libevent_core.so | \
	grep gettime64),-D_TIME_BITS=64)
endif
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
            -Wformat=2 -Wundef -Wpointer-arith -Wcast-qual
HARDENING := -fstack-protector-strong $(HARDENING_TRIED) -fPIE
ifdef SANITIZE
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LDOPTIMISE := -fsanitize=$(SANITIZE)
else
OPTIMISE := -O2 -g -D_FORTIFY_SOURCE=2
LDOPTIMISE :=
endif
ALL_CFLAGS  = -std=c11 $(WARNINGS) $(if $(WERROR),-Werror) $(HARDENING) $(OPTIMISE) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDOPTIMISE) $(LDFLAGS)

# Which folder may include which is in tests/layers. The core has no library's flags.
CORE_FLAGS   = -Iinclude -Isrc
UPPER_FLAGS  = -Iinclude -Isrc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(LIB_TIME) -DFTPALG_VERSION='"$(VERSION)"' \
               $(LIB_CFLAGS)

CORE_SOURCES  := $(wildcard src/core/*.c src/core/*/*.c)
UPPER_SOURCES := $(filter-out $(CORE_SOURCES),$(wildcard src/*/*.c))
MAIN_SOURCE   := src/cmd/main.c
UNIT_SOURCES  := $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c)
UNIT_HELPERS  := $(wildcard tests/unit/kit/*.c)

object = $(patsubst %.c,$(BUILD)/%.o,$(1))
CORE_OBJECTS  := $(call object,$(CORE_SOURCES))
EMBEDDED      := $(patsubst %,$(BUILD)/src/%.o,probe/scenarios probe/assets report/assets)
UPPER_OBJECTS := $(call object,$(filter-out $(MAIN_SOURCE),$(UPPER_SOURCES))) $(EMBEDDED)
UNIT_PROGRAMS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SOURCES))

# What programs are linked with, in this order: each takes what it uses.
UPPER_ARCHIVE := $(BUILD)/upper.a
UNIT_ARCHIVE  := $(BUILD)/tests/unit.a
ARCHIVES      := $(UPPER_ARCHIVE) $(BUILD)/libftpalg.a
LINK_LIBS      = $(LIB_LIBS) $(LIB_ATOMIC)

all: $(BUILD)/ftpalg

$(BUILD)/libftpalg.a: $(CORE_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Thin: these name their objects, and are no use elsewhere.
$(UPPER_ARCHIVE): $(UPPER_OBJECTS)
	$(Q)rm -f $@ && $(AR) rcsT $@ $^

$(UNIT_ARCHIVE): $(call object,$(UNIT_HELPERS))
	$(Q)rm -f $@ && $(AR) rcsT $@ $^

$(BUILD)/ftpalg: $(call object,$(MAIN_SOURCE)) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LINK_LIBS)

$(BUILD)/src/core/%.o: src/core/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(CORE_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/src/%.o: src/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(UPPER_FLAGS) -MMD -MP -c -o $@ $<

# What it is built with, without the last comma.
$(BUILD)/src/cmd/version.o: UPPER_FLAGS += -DFTPALG_LIBRARIES='"$(patsubst %@,%,$(subst $(comma)@,@,$(LIB_NAMES)@))"'

# What is compiled in: the scenarios of ftpalg probe, and what pages are made of.
SCENARIOS := $(sort $(wildcard src/probe/scenarios/*.scenario))

# The files of a table are its prerequisites, in its order. Two makes may be at it at the same time.
embed = $(Q)mkdir -p $(@D) && src/embed $(1) $(filter %.scenario %.css %.js,$^) >$@.$$$$ && mv $@.$$$$ $@

$(BUILD)/src/probe/scenarios.c: src/embed $(SCENARIOS) src/probe/scenarios
	$(call say,EMBED,$@)
	$(call embed,probe_builtins)

$(BUILD)/src/probe/assets.c: src/embed src/probe/page.css src/probe/page.js
	$(call say,EMBED,$@)
	$(call embed,probe_assets)

$(BUILD)/src/report/assets.c: src/embed src/report/page.css src/report/page.js
	$(call say,EMBED,$@)
	$(call embed,report_assets)

$(EMBEDDED): %.o: %.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(UPPER_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(UPPER_FLAGS) -Itests/unit/kit -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_ARCHIVE) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LINK_LIBS) -lcmocka

-include $(patsubst %.o,%.d,$(CORE_OBJECTS) $(UPPER_OBJECTS) $(call object,$(MAIN_SOURCE) $(UNIT_SOURCES) $(UNIT_HELPERS)))

unit-programs: $(UNIT_PROGRAMS)

# How each file is compiled, for editors and for tools that read C.
compile_commands.json: Makefile
	$(Q)$(MAKE) --no-print-directory -Bn all unit-programs | awk -v directory='$(CURDIR)' '/ -c -o / { \
		sub(/^mkdir [^&]*&& /, ""); gsub(/["\\]/, "\\\\&"); entry = "\"directory\": \"" directory "\", "; \
		entry = entry "\"file\": \"" $$NF "\", \"command\": \"" $$0 "\""; \
		all = all (all ? ",\n" : "") "{ " entry " }" } END { print "[\n" all "\n]" }' >$@

clean:
	$(Q)rm -rf build compile_commands.json

# Debian packages, in build/deb: of a copy, so that nothing is built into this tree.
deb:
	$(Q)rm -rf build/deb && mkdir -p build/deb/ftpalg-$(VERSION)
	$(Q)tar -c --exclude=./build --exclude=./.git --exclude=__pycache__ . | tar -x -C build/deb/ftpalg-$(VERSION)
	$(Q)cd build/deb/ftpalg-$(VERSION) && dpkg-buildpackage -us -uc -b
	@ls build/deb/*.deb

include src/install.mk

help:
	@echo 'make               builds $(BUILD)/ftpalg'
	@echo 'make demo          installs what is missing, builds, shows the gateway at work'
	@echo 'make install       the program, the library of its core, manuals and completion; make uninstall takes them away again'
	@echo '                   (DESTDIR, PREFIX, SBINDIR, LIBDIR, INCLUDEDIR, MANDIR, DOCDIR, BASHDIR, ZSHDIR)'
	@echo 'make deb           Debian packages, in build/deb (with what Build-Depends in debian/control names)'
	@echo 'make setup         installs (as root), or names, what the tests lack; make setup-build: what the build lacks'
	@echo 'make check         setup, build, and all tests that this host can run'
	@echo 'make check-quick   builds, and runs what takes seconds: pure, unit, replay'
	@echo 'make check-pure    the core performs no I/O; a directory is a layer; what is installed can be built on'
	@echo 'make check-unit    unit tests, with sanitizers'
	@echo 'make check-replay  captures through ftpalg replay: events, what leaves, and what tshark thinks of it'
	@echo 'make check-report  captures through ftpalg report: the page, in a browser too, and the text'
	@echo 'make check-readers random dialogues, and what the reply readers of clients make of them'
	@echo 'make check-split   the same captures, cut, lost, repeated and reordered'
	@echo 'make check-lint    clang-tidy and cppcheck'
	@echo "make check-valgrind unit tests, captures and configurations under valgrind's memcheck"
	@echo 'make coverage      how much of the core its tests execute, by lines and by branches'
	@echo 'make fuzz          each fuzz target for $$(FUZZ_SECONDS) seconds'
	@echo 'make check-lab     real servers and clients in network namespaces'
	@echo "make check-vm      the lab's essentials with nft rules on Debian's own kernel, under qemu"
	@echo 'make check-cross   unit tests and captures on big-endian and 32-bit processors, emulated'
	@echo 'make check-long    all of it, the whole lab on both kernels, and long fuzzing'
	@echo 'make bench         measures the gateway, beside plain NAT, queue programs and other helpers'
	@echo 'make bench-count   instructions a packet, which may not grow unnoticed'
	@echo 'make compare       measures other FTP helpers beside this one, and writes doc/comparison.md'
	@echo 'make compile_commands.json  tells editors how files are compiled'
	@echo 'make clean         removes build/'
	@echo 'V=1 shows commands, and what tests print; WERROR=1 makes warnings errors; SANITIZE=address,undefined'
	@echo 'builds into build/sanitize.'

.PHONY: all clean deb help install uninstall unit-programs
.SECONDARY:

include tests/check.mk
