# Flags and places that all Makefiles share. Override on the command line:
#   make CC=clang                     another compiler
#   make BUILD=build/asan SANITIZE=address,undefined
#   make install PREFIX=/usr DESTDIR=/tmp/package

TOP := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))

VERSION   := 0.1.0
SOVERSION := 0

PREFIX     ?= /usr/local
DESTDIR    ?=
bindir     ?= $(PREFIX)/bin
libdir     ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
mandir     ?= $(PREFIX)/share/man
unitdir    ?= $(libdir)/systemd/system
driverdir  ?= $(libdir)/osprofiler/drivers
hookdir    ?= $(libdir)/osprofiler

# The default of make itself would be cc and ar without a say.
CC      ?= cc
AR      ?= ar
INSTALL ?= install
PKG_CONFIG ?= pkg-config
PG_CONFIG  ?= pg_config

BUILD    ?= $(TOP)/build
OPTIMIZE ?= -O2
SANITIZE ?=

OSP_WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	-Wdeclaration-after-statement -Wundef -Wshadow -Wpointer-arith -Werror
OSP_CPPFLAGS := -D_GNU_SOURCE -I$(TOP)/common/include -I$(TOP)/common \
	-DOSP_VERSION='"$(VERSION)"' -DOSP_DRIVER_DIR='"$(driverdir)"' \
	-DOSP_HOOK_DIR='"$(hookdir)"'
OSP_CFLAGS   := -std=gnu99 -g $(OPTIMIZE) -fPIC -fvisibility=hidden \
	-fno-strict-aliasing $(OSP_WARNINGS) -pthread
OSP_LDFLAGS  := -pthread -Wl,-z,relro,-z,now
ifneq ($(SANITIZE),)
OSP_CFLAGS  += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
OSP_LDFLAGS += -fsanitize=$(SANITIZE)
else
OSP_LDFLAGS += -Wl,--as-needed
endif

# What everything that holds the core is linked with.
LIBOSP      := $(BUILD)/common/libosp.a
LIBOSP_LIBS := -lcrypto -luuid -ldl -lrt

# Objects know the headers they were made from.
OSP_DEPFLAGS = -MMD -MP -MT $@ -MF $(@:.o=.d)

# Objects depend on this file, which changes when the compiler, a flag or a path
# does.
FLAGS       := $(CC) $(OSP_CPPFLAGS) $(CPPFLAGS) $(OSP_CFLAGS) $(CFLAGS)
FLAGS_STAMP := $(BUILD)/flags.$(notdir $(CURDIR))
ifneq ($(strip $(file <$(FLAGS_STAMP))),$(strip $(FLAGS)))
ifeq ($(shell mkdir -p $(BUILD) 2>/dev/null; test -w $(BUILD) && echo yes),yes)
$(file >$(FLAGS_STAMP),$(FLAGS))
endif
endif

COMPILE = $(CC) $(OSP_CPPFLAGS) $(CPPFLAGS) $(OSP_CFLAGS) $(CFLAGS) $(OSP_DEPFLAGS) -c $< -o $@
LINK    = $(CC) $(OSP_CFLAGS) $(CFLAGS) $(OSP_LDFLAGS) $(LDFLAGS)
