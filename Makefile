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
MANDIR     ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
DOCDIR     ?= $(PREFIX)/share/doc/ftpalg

VERSION := 0.1.0

CC     ?= cc
AR     ?= ar
PKG_CONFIG ?= pkg-config

ifdef SANITIZE
BUILD ?= build/sanitize
else
BUILD ?= build
endif

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(patsubst $(CURDIR)/%,%,$(2))')

LIBRARIES := libmnl libnetfilter_queue libevent_core libssl libcrypto inih jansson libseccomp libcap-ng libpcap
ifneq ($(filter-out help clean setup setup-build setup-demo check demo check-long bench compare,$(or $(MAKECMDGOALS),all)),)
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
LIB_LIBS   := $(shell $(PKG_CONFIG) --libs $(LIBRARIES))
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
            -Wformat=2 -Wundef -Wpointer-arith -Wcast-qual
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
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
UPPER_FLAGS  = -Iinclude -Isrc -D_GNU_SOURCE -DFTPALG_VERSION='"$(VERSION)"' $(LIB_CFLAGS)

CORE_SOURCES  := $(wildcard src/core/*.c src/core/*/*.c)
UPPER_SOURCES := $(filter-out $(CORE_SOURCES),$(wildcard src/*/*.c))
MAIN_SOURCE   := src/cmd/main.c
UNIT_SOURCES  := $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c)
UNIT_HELPERS  := $(wildcard tests/unit/kit/*.c)

object = $(patsubst %.c,$(BUILD)/%.o,$(1))
CORE_OBJECTS  := $(call object,$(CORE_SOURCES))
UPPER_OBJECTS := $(call object,$(filter-out $(MAIN_SOURCE),$(UPPER_SOURCES))) $(BUILD)/src/scenarios.o \
                 $(BUILD)/report_assets.o
UNIT_PROGRAMS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SOURCES))

all: $(BUILD)/ftpalg

$(BUILD)/libftpalg.a: $(CORE_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/ftpalg: $(call object,$(MAIN_SOURCE)) $(UPPER_OBJECTS) $(BUILD)/libftpalg.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/src/core/%.o: src/core/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(CORE_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/src/%.o: src/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(UPPER_FLAGS) -MMD -MP -c -o $@ $<

# The scenarios of ftpalg probe, compiled in.
SCENARIOS := $(sort $(wildcard src/probe/scenarios/*.scenario))

$(BUILD)/src/scenarios.c: src/embed $(SCENARIOS) src/probe/scenarios
	$(call say,EMBED,$@)
	$(Q)mkdir -p $(@D) && src/embed $(SCENARIOS) >$@

$(BUILD)/src/scenarios.o: $(BUILD)/src/scenarios.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(UPPER_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(UPPER_FLAGS) -Itests/unit/kit -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(call object,$(UNIT_HELPERS)) $(UPPER_OBJECTS) $(BUILD)/libftpalg.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) -lcmocka

# The style and the script of the report's page, as arrays.
$(BUILD)/report_assets.c: src/report/page.css src/report/page.js
	$(Q)mkdir -p $(@D) && { echo '#include "report/assets.h"'; for kind in css js; do \
		echo "const unsigned char report_$$kind[] = {" && od -An -v -tx1 src/report/page.$$kind | \
		sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' && echo "};" && \
		echo "const size_t report_$${kind}_length = sizeof(report_$$kind);"; done; } >$@

$(BUILD)/report_assets.o: $(BUILD)/report_assets.c src/report/assets.h
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(UPPER_FLAGS) -c -o $@ $<

-include $(patsubst %.o,%.d,$(CORE_OBJECTS) $(UPPER_OBJECTS) $(call object,$(MAIN_SOURCE) $(UNIT_SOURCES) $(UNIT_HELPERS)))

unit-programs: $(UNIT_PROGRAMS)

clean:
	$(Q)rm -rf build

MANUALS5  := $(wildcard doc/*.5)
MANUALS8  := $(wildcard doc/*.8)
DOCUMENTS := $(wildcard README.md doc/*.conf)
RULES     := $(wildcard rules/*)

install: all
	$(Q)install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(DOCDIR)/rules
	$(Q)install -m 755 $(BUILD)/ftpalg $(DESTDIR)$(SBINDIR)/
	$(if $(MANUALS5),$(Q)install -m 644 $(MANUALS5) $(DESTDIR)$(MANDIR)/man5/)
	$(if $(MANUALS8),$(Q)install -m 644 $(MANUALS8) $(DESTDIR)$(MANDIR)/man8/)
	$(if $(DOCUMENTS),$(Q)install -m 644 $(DOCUMENTS) $(DESTDIR)$(DOCDIR)/)
	$(if $(RULES),$(Q)install -m 644 $(RULES) $(DESTDIR)$(DOCDIR)/rules/)
	$(Q)install -d $(DESTDIR)$(DOCDIR)/scenarios
	$(Q)install -m 644 $(SCENARIOS) $(DESTDIR)$(DOCDIR)/scenarios/

uninstall:
	$(Q)rm -f $(DESTDIR)$(SBINDIR)/ftpalg
	$(Q)rm -f $(addprefix $(DESTDIR)$(MANDIR)/man5/,$(notdir $(MANUALS5)))
	$(Q)rm -f $(addprefix $(DESTDIR)$(MANDIR)/man8/,$(notdir $(MANUALS8)))
	$(Q)rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,$(notdir $(DOCUMENTS)) $(RULES))
	$(Q)rm -f $(addprefix $(DESTDIR)$(DOCDIR)/scenarios/,$(notdir $(SCENARIOS)))
	$(Q)rmdir $(DESTDIR)$(DOCDIR)/scenarios $(DESTDIR)$(DOCDIR)/rules $(DESTDIR)$(DOCDIR) 2>/dev/null || true

help:
	@echo 'make               builds $(BUILD)/ftpalg'
	@echo 'make demo          installs what is missing, builds, shows the gateway at work'
	@echo 'make install       to $$(DESTDIR)$$(SBINDIR), $$(MANDIR) and $$(DOCDIR); make uninstall takes it away again'
	@echo 'make setup         installs (as root), or names, what the tests lack; make setup-build: what the build lacks'
	@echo 'make check         setup, build, and all tests that this host can run'
	@echo 'make check-pure    the core performs no I/O; a directory is a layer'
	@echo 'make check-unit    unit tests, with sanitizers'
	@echo 'make check-replay  captures through ftpalg replay: events, what leaves, and what tshark thinks of it'
	@echo 'make check-report  captures through ftpalg report: the page, in a browser too, and the text'
	@echo 'make check-split   the same captures, cut, lost, repeated and reordered'
	@echo 'make check-lint    clang-tidy and cppcheck'
	@echo "make check-valgrind unit tests, captures and configurations under valgrind's memcheck"
	@echo 'make coverage      how much of the core its tests execute, by lines and by branches'
	@echo 'make fuzz          each fuzz target for $$(FUZZ_SECONDS) seconds'
	@echo 'make check-lab     real servers and clients in network namespaces'
	@echo "make check-vm      the lab's essentials with nft rules on Debian's own kernel, under qemu"
	@echo 'make check-long    all of it, the whole lab on both kernels, and long fuzzing'
	@echo 'make bench         measures the gateway'
	@echo 'make compare       measures other FTP helpers beside this one, and writes doc/comparison.md'
	@echo 'make clean         removes build/'
	@echo 'V=1 shows commands, and what tests print; WERROR=1 makes warnings errors; SANITIZE=address,undefined'
	@echo 'builds into build/sanitize.'

.PHONY: all clean help install uninstall unit-programs
.SECONDARY:

include tests/check.mk
