# Flags and places that all Makefiles share. Override on the command line:
#   make CC=clang                     another compiler
#   make BUILD=build/asan SANITIZE=address,undefined
#   make install PREFIX=/usr DESTDIR=/tmp/package
#   make WITHOUT=postgresql           leaves parts out, by name; see `make help`
#   make WERROR=1                     warnings are errors, for whoever changes the code

TOP := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))

VERSION   := 1.0.0
SOVERSION := 0

PREFIX     ?= /usr/local
DESTDIR    ?=
bindir     ?= $(PREFIX)/bin
libdir     ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
mandir     ?= $(PREFIX)/share/man
unitdir    ?= $(libdir)/systemd/system
bashdir    ?= $(PREFIX)/share/bash-completion/completions
zshdir     ?= $(PREFIX)/share/zsh/site-functions
hookdir     = $(libdir)/osprofiler
driverdir   = $(hookdir)/drivers

# The default of make itself would be cc and ar without a say.
CC      ?= cc
AR      ?= ar
INSTALL ?= install
PKG_CONFIG ?= pkg-config
PG_CONFIG  ?= pg_config

BUILD    ?= $(TOP)/build
OPTIMIZE ?= -O2
SANITIZE ?=

# Programs find what is installed in libdir from their own place, so no absolute
# path is compiled in, and an installation may be moved.
lib_from_bin := $(shell realpath -m --relative-to='$(bindir)' '$(libdir)')

# What is left out: names of drivers; "postgresql", which is all that needs its headers
# (the extension, the hooks of libpq, the driver); "extension"; "hooks", those of
# libpq and SQLite; "web", the server of `osprofiler web`.
WITHOUT ?=
OPTIONAL := postgresql extension hooks web elasticsearch file messaging mongodb mysql otlp redis sqlite
ifneq ($(filter-out $(OPTIONAL),$(WITHOUT)),)
$(error $(shell $(TOP)/scripts/known.sh part $(WITHOUT)))
endif
ifeq ($(origin without),command line)
$(error $(shell $(TOP)/scripts/known.sh variable without))
endif
override without = $(filter $(1),$(WITHOUT))

WERROR       ?=
OSP_WERROR   := $(if $(filter-out 0,$(WERROR)),-Werror)
OSP_WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	-Wdeclaration-after-statement -Wundef -Wshadow -Wpointer-arith $(OSP_WERROR)
OSP_CPPFLAGS := -D_GNU_SOURCE -I$(TOP)/common/include -I$(TOP)/common \
	-DOSP_VERSION='"$(VERSION)"' -DOSP_LIB_FROM_BIN='"$(lib_from_bin)"'
OSP_CFLAGS   := -std=gnu99 -g $(OPTIMIZE) -fPIC -fvisibility=hidden \
	-fno-strict-aliasing $(OSP_WARNINGS) -pthread
OSP_LDFLAGS  := -pthread -Wl,-z,relro,-z,now
ifneq ($(SANITIZE),)
OSP_CFLAGS  += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
OSP_LDFLAGS += -fsanitize=$(SANITIZE)
else
OSP_LDFLAGS += -Wl,--as-needed
endif

# OpenSSL's SHA-1 is linked in where there is a static library: a program that the
# hooks are loaded into may bring a libcrypto of its own, which must not find ours
# before it, or export a function of such a name.
static_lib = $(if $(wildcard $(shell $(CC) -print-file-name=lib$(1).a)),-l:lib$(1).a,-l$(1))
LIBCRYPTO := $(call static_lib,crypto)

# What a static libcrypto needs in its turn: from Debian 13 on zlib and zstd.
ifneq ($(filter -l:%,$(LIBCRYPTO)),)
LIBCRYPTO += $(foreach lib,$(filter-out crypto dl pthread,$(patsubst -l%,%,$(filter -l%,\
	$(shell pkg-config --static --libs-only-l libcrypto 2>/dev/null)))),$(call static_lib,$(lib)))
endif
HIDDEN_LIBS := -Wl,--exclude-libs,libosp.a:libcrypto.a:libz.a:libzstd.a

# What everything that holds the core is linked with.
LIBOSP      := $(BUILD)/common/libosp.a
LIBOSP_LIBS := $(LIBCRYPTO) -ldl -lrt

# What a program is linked with to find our libraries where the loader does not look
# by itself.
is_system_libdir = $(filter /lib /usr/lib /lib/% /usr/lib/%,$(libdir))
PC_RPATH = $(if $(is_system_libdir),,-Wl$(comma)-rpath$(comma)$${libdir})
comma := ,

# How a .pc file is made of its template.
MAKE_PC = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(libdir)|' \
	-e 's|@INCLUDEDIR@|$(includedir)|' -e 's|@VERSION@|$(VERSION)|' \
	-e 's|@RPATH@|$(PC_RPATH)|' $< >$@

# Objects know the headers they were made from.
OSP_DEPFLAGS = -MMD -MP -MT $@ -MF $(@:.o=.d)

# Objects depend on the first file, which changes when the compiler or a flag
# does; files with an absolute path in them on the second one.
FLAGS       := $(filter-out -Werror,$(CC) $(OSP_CPPFLAGS) $(CPPFLAGS) $(OSP_CFLAGS) $(CFLAGS))
FLAGS_STAMP := $(BUILD)/flags.$(notdir $(CURDIR))
PATHS       := $(PREFIX) $(bindir) $(libdir) $(includedir)
PATHS_STAMP := $(BUILD)/paths.$(notdir $(CURDIR))

# Writes the value of variable $(1) to file $(1)_STAMP if it is another one there.
define write_stamp
ifneq ($$(strip $$(file <$$($(1)_STAMP))),$$(strip $$($(1))))
ifeq ($$(shell mkdir -p $$(BUILD) 2>/dev/null; test -w $$(BUILD) && echo yes),yes)
$$(file >$$($(1)_STAMP),$$($(1)))
endif
endif
endef
$(eval $(call write_stamp,FLAGS))
$(eval $(call write_stamp,PATHS))

COMPILE = $(CC) $(OSP_CPPFLAGS) $(CPPFLAGS) $(OSP_CFLAGS) $(CFLAGS) $(OSP_DEPFLAGS) -c $< -o $@
LINK    = $(CC) $(OSP_CFLAGS) $(CFLAGS) $(OSP_LDFLAGS) $(LDFLAGS)
