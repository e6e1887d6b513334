# SPDX-License-Identifier: GPL-3.0-or-later
#
# What `make install` brings, included by the Makefile: the program, the core as a library, manuals, examples, and what shells
# complete.

HEADERS   := $(wildcard include/ftpalg/*.h)
MANUALS   := $(wildcard doc/*.[358])
DOCUMENTS := README.md CHANGELOG.md
PAGES     := $(wildcard doc/*.md doc/*.svg doc/example-*.c doc/*.json)
GUIDES    := $(wildcard doc/guides/*)
RULES     := $(wildcard rules/*)
CONTRIB   := $(notdir $(wildcard contrib/*))

# Where files are copied to. $(call copied,DIRECTORY,FILES)
copied = $(foreach file,$(2),$(DESTDIR)$(1)/$(notdir $(file)))
INSTALLED := $(DESTDIR)$(SBINDIR)/ftpalg $(DESTDIR)$(BASHDIR)/ftpalg $(DESTDIR)$(ZSHDIR)/_ftpalg \
             $(DESTDIR)$(LIBDIR)/libftpalg.a $(DESTDIR)$(LIBDIR)/pkgconfig/ftpalg.pc \
             $(call copied,$(INCLUDEDIR)/ftpalg,$(HEADERS)) $(call copied,$(DOCDIR),$(DOCUMENTS)) $(call copied,$(DOCDIR)/doc,$(PAGES)) \
             $(call copied,$(DOCDIR)/doc/guides,$(GUIDES)) \
             $(foreach kind,$(CONTRIB),$(call copied,$(DOCDIR)/contrib/$(kind),$(wildcard contrib/$(kind)/*))) \
             $(call copied,$(DOCDIR)/rules,$(RULES)) $(call copied,$(DOCDIR)/scenarios,$(SCENARIOS)) \
             $(foreach manual,$(MANUALS),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(manual)))/$(notdir $(manual)))

# $(call install_files,DIRECTORY,FILES)
install_files = $(Q)install -d $(DESTDIR)$(1) && install -m 644 $(2) $(DESTDIR)$(1)/

install: all
	$(Q)install -d $(DESTDIR)$(SBINDIR) && install -m 755 $(BUILD)/ftpalg $(DESTDIR)$(SBINDIR)/
	$(Q)install -d $(DESTDIR)$(BASHDIR) && install -m 644 src/cmd/completion/ftpalg.bash $(DESTDIR)$(BASHDIR)/ftpalg
	$(call install_files,$(ZSHDIR),src/cmd/completion/_ftpalg)
	$(call install_files,$(LIBDIR),$(BUILD)/libftpalg.a)
	$(call install_files,$(INCLUDEDIR)/ftpalg,$(HEADERS))
	$(call install_files,$(DOCDIR),$(DOCUMENTS))
	$(call install_files,$(DOCDIR)/doc,$(PAGES))
	$(call install_files,$(DOCDIR)/doc/guides,$(GUIDES))
	$(call install_files,$(DOCDIR)/rules,$(RULES))
	$(Q)for kind in $(CONTRIB); do install -d $(DESTDIR)$(DOCDIR)/contrib/$$kind && \
		install -m 644 contrib/$$kind/* $(DESTDIR)$(DOCDIR)/contrib/$$kind/ || exit 1; done
	$(call install_files,$(DOCDIR)/scenarios,$(SCENARIOS))
	$(Q)install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' src/ftpalg.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/ftpalg.pc
	$(Q)for manual in $(MANUALS); do directory=$(DESTDIR)$(MANDIR)/man$${manual##*.} && install -d $$directory && \
		sed 's/^\.Os$$/.Os ftpalg $(VERSION)/' $$manual >$$directory/$${manual##*/} || exit 1; done

uninstall:
	$(Q)rm -f $(INSTALLED)
	$(Q)for directory in $(CONTRIB:%=$(DOCDIR)/contrib/%) $(DOCDIR)/contrib $(DOCDIR)/doc/guides $(DOCDIR)/doc $(DOCDIR)/rules $(DOCDIR)/scenarios $(DOCDIR) $(INCLUDEDIR)/ftpalg; do \
		if test -d $(DESTDIR)$$directory; then rmdir $(DESTDIR)$$directory; fi; done
