# The root Makefile only hands on: every folder has one of its own, and PGXS
# keeps its rules to pg_osprofiler/. See CONTRIBUTING.md for the targets.

include config.mk

EXTENSION := $(if $(call without,postgresql extension),,pg_osprofiler)
PARTS := common drivers cli \
	$(if $(call without,postgresql hooks),,client_hooks) \
	$(if $(call without,hooks),,sqlite_osprofiler)

# Where things go, and directories that nobody misses once they are empty, the inner ones
# first.
PLACES := $(addprefix $(DESTDIR),$(bindir) $(libdir) $(includedir) $(mandir))
OWN_PLACES := $(addprefix $(DESTDIR),$(hookdir) $(libdir)/pkgconfig $(addprefix $(mandir)/man,1 3 5) \
	$(foreach place,$(unitdir) $(bashdir) $(zshdir),$(place) $(dir $(place))))

.PHONY: all help install install-extension uninstall uninstall-extension check installcheck lint format bench bench-soak fuzz clean \
	check-matrix check-core check-suites check-users check-packages check-readme \
	check-workload check-workload-valgrind check-workload-sanitizers \
	check-attack check-large check-kills \
	check-sqlite check-sqlite-suite check-page check-firefox check-page-large pictures \
	check-python check-openstack check-otel \
	$(PARTS) pg_osprofiler unit

all: $(PARTS) $(EXTENSION)

help:
	@cat scripts/help.txt

$(PARTS):
	+$(MAKE) -C $@ all

drivers cli client_hooks sqlite_osprofiler: common

pg_osprofiler: common
	+$(MAKE) -C $@ all PG_CONFIG=$(PG_CONFIG)

unit: common drivers
	+$(MAKE) -C tests/unit all

install: all
	@scripts/may_write.sh install $(PLACES)
	+for part in $(PARTS); do $(MAKE) -C $$part install || exit 1; done
	+$(if $(EXTENSION),@PG_CONFIG='$(PG_CONFIG)' scripts/install_extension.sh '$(DESTDIR)' '$(PREFIX)' || \
		$(MAKE) -C pg_osprofiler install PG_CONFIG=$(PG_CONFIG))
	@PG_CONFIG='$(PG_CONFIG)' scripts/after_install.sh '$(DESTDIR)' '$(PREFIX)' '$(libdir)' '$(EXTENSION)' '$(WITHOUT)'

install-extension: pg_osprofiler
	+$(MAKE) -C pg_osprofiler install PG_CONFIG=$(PG_CONFIG)

uninstall:
	@scripts/may_write.sh uninstall $(PLACES)
	$(if $(EXTENSION),@PG_CONFIG='$(PG_CONFIG)' scripts/removal.sh prerm '$(DESTDIR)')
	+for part in $(PARTS); do $(MAKE) -C $$part uninstall || exit 1; done
	+$(if $(EXTENSION),@PG_CONFIG='$(PG_CONFIG)' scripts/install_extension.sh '$(DESTDIR)' '$(PREFIX)' >/dev/null 2>&1 || \
		$(MAKE) uninstall-extension)
	$(if $(EXTENSION),@PG_CONFIG='$(PG_CONFIG)' scripts/removal.sh postrm '$(DESTDIR)')
	@rmdir $(OWN_PLACES) 2>/dev/null || true

uninstall-extension:
	@PG_CONFIG='$(PG_CONFIG)' scripts/removal.sh prerm '$(DESTDIR)'
	+$(MAKE) -C pg_osprofiler uninstall PG_CONFIG=$(PG_CONFIG)

# Needs no server and no root.
check: unit
	+$(MAKE) -C tests/unit check

check-sqlite: $(PARTS)
	+$(MAKE) -C tests/sqlite check

# What a browser makes of `osprofiler trace show --html`.
check-page: common cli
	+$(MAKE) -C tests/page check

# The same in Firefox; and with 100,000 operations.
check-firefox check-page-large: common cli
	+$(MAKE) -C tests/page $(subst -page,,$@)

# The pictures of it in README and docs.
pictures: common cli
	+$(MAKE) -C tests/page pictures

# SQLite's own tests, traced: takes long, and fetches SQLite's source package.
check-sqlite-suite: $(PARTS)
	+$(MAKE) -C tests/sqlite check-suite

# integrations/python, with a PostgreSQL of the tests' own.
check-python: common drivers cli sqlite_osprofiler pg_osprofiler
	+$(MAKE) -C tests/python check

# A real keystone; needs root, or what scripts/setup.sh --openstack installs.
check-openstack: common drivers cli pg_osprofiler
	+$(MAKE) -C tests/python check-openstack

# A service with OpenTelemetry's SDK, whose packages npm fetches once, and the
# Collector that OSPROFILER_OTELCOL names, or what stands in for it.
check-otel: common drivers cli client_hooks pg_osprofiler
	BUILD=$(BUILD) tests/pg/otel.sh

# Needs `make install` before, and a user that is not root.
installcheck:
	+$(MAKE) -C pg_osprofiler installcheck PG_CONFIG=$(PG_CONFIG)

# The extension with PostgreSQL 13 to 18, each in a chroot; needs root.
check-matrix:
	tests/pg/matrix.sh

# PostgreSQL's own tests, untraced and traced.
check-core:
	tests/pg/core.sh

# The tests of other projects, untraced and traced; SUITES names some of them.
check-suites:
	tests/suites/run.sh $(SUITES)

# The doctor for root, for the server's user and for a service's; needs root.
check-users: $(PARTS) pg_osprofiler
	prove tests/users/*.t

# Debian's packages: built, installed, used, upgraded, removed; needs root.
check-packages:
	tests/packages.sh

# README, followed word by word by four kinds of readers on fresh Debians; needs root.
check-readme:
	tests/first_hour.sh $(READERS)

# Sessions that do all kinds of things at random, for SECONDS.
check-workload check-workload-valgrind: common drivers cli pg_osprofiler
check-workload:
	tests/pg/workload.sh plain $(or $(SECONDS),600)

check-workload-valgrind:
	tests/pg/workload.sh valgrind $(or $(SECONDS),600)

check-workload-sanitizers:
	tests/pg/workload.sh sanitizers $(or $(SECONDS),600)

# Statements with planted secrets, again and again for SECONDS.
check-attack: $(PARTS) pg_osprofiler
	+$(MAKE) -C tests/attack check SECONDS=$(or $(SECONDS),0)

# What reads and removes, with every collector: 10,000 traces, one of 100,000 points.
check-large: common drivers cli
	+$(MAKE) -C tests/drivers check-large

# Agent, collectors, producers and servers are killed, ROUNDS times each.
check-kills: $(PARTS) pg_osprofiler
	+$(MAKE) -C tests/faults check ROUNDS=$(or $(ROUNDS),100)

bench: all
	+$(MAKE) -C tests/bench bench

# TPC-B, everything sampled, for SECONDS (480) into sqlite and into redis.
bench-soak: all
	+$(MAKE) -C tests/bench bench-soak

# bench-pg, bench-cli and so on
bench-%: all
	+$(MAKE) -C tests/bench $@

fuzz: common
	+$(MAKE) -C tests/fuzz fuzz

SOURCES = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h' ':!third_party')

format:
	clang-format -i $(SOURCES)

lint:
	tests/lint.sh

# pip builds the Python package in the source tree.
clean:
	rm -rf $(BUILD) integrations/python/build integrations/python/osprofiler_db.egg-info
	+$(MAKE) -C pg_osprofiler clean PG_CONFIG=$(PG_CONFIG)
