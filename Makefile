# SPDX-License-Identifier: GPL-2.0
#
# The front door.  Everything built lies below build/; `make help` lists targets.

BUILD := $(CURDIR)/build
# Kernel to build the module for.
KDIR ?= $(patsubst %,/lib/modules/%/build,$(shell tests/kernel/headers))
KVER = $(notdir $(patsubst %/build,%,$(KDIR)))
DEBUG_KDIR := $(BUILD)/kernel-debug
PREFIX ?= /usr/local

SEEDS ?= 2000
JOBS ?= $(shell nproc)

# Find out again after `make deps` may have installed headers.
SUBMAKE = $(MAKE) --no-print-directory

.PHONY: all deps module module-debug module-newer tool demo test test-unit test-trace \
	test-sim test-planted test-tool test-kselftest test-vm test-debug lint lab lab-shell lab-down bench \
	install clean help
.DEFAULT_GOAL := all

all: deps			## the module and the tool
	@$(SUBMAKE) module tool

deps:				## install missing Debian packages
	@tests/deps.sh

# The kernel's build system writes beside the sources, so each kernel gets a copy.
define build_module
	@test -n "$(1)" || { echo "no kernel headers found: run 'make deps'" >&2; exit 1; }
	@mkdir -p $(2)
	@cp -rup Kbuild kernel $(2)/
	@$(MAKE) --no-print-directory -s -C $(1) M=$(2) W=1 modules
endef

module:
	$(call build_module,$(KDIR),$(BUILD)/module/$(KVER))
	@ln -sfn module/$(KVER)/raftblk.ko $(BUILD)/raftblk.ko

module-debug:
	@tests/kernel/build-debug
	$(call build_module,$(DEBUG_KDIR),$(BUILD)/module/debug)
	@for check in asan ubsan; do nm -u $(BUILD)/module/debug/raftblk.ko | grep -q "__$$check" || \
		{ echo "the debug module was built without $$check" >&2; exit 1; }; done

module-newer:			## the module for the kernels of other Debian suites; SUITES="trixie sid"
	@tests/kernel/newer --image $(SUITES)

tool:
	@$(SUBMAKE) -C userspace O=$(BUILD)

demo: all			## the whole story on the terminal: form, write, kill the leader, go on
	@tests/vm/demo

test: deps			## everything; ends with a count
	@tests/run

test-unit: deps			## unit tests of the core
	@$(SUBMAKE) -C tests/unit O=$(BUILD) run

test-trace: deps		## scripted traces of the consensus (REWRITE=1 regenerates)
	@$(SUBMAKE) -C tests/trace O=$(BUILD) run

test-sim: deps			## the simulator; SEEDS=N or SEED=n
	@$(SUBMAKE) -C tests/sim O=$(BUILD) run SEEDS=$(SEEDS) SEED=$(SEED)

test-planted: deps		## plants faults in the core; the simulator must find each
	@ORACLE=1 $(SUBMAKE) -C tests/sim O=$(BUILD) planted

test-tool: all			## the command-line tool, without the module
	@tests/tool/run

test-kselftest: all		## the module in one VM
	@tests/kselftest/run

test-vm: all			## clusters of VMs; ONLY=name
	@ONLY="$(ONLY)" tests/vm/run

test-debug: all module-debug	## the same on a KASAN + lockdep + kmemleak kernel; ONLY=name
	@ONLY="$(ONLY)" tests/vm/run --debug

lint: deps			## checkpatch, sparse, W=1, shellcheck
	@tests/lint/run

lab: all			## three VMs to play with
	@tests/vm/lab up 3

lab-shell:			## a shell in one of them: N=2
	@tests/vm/lab shell $(or $(N),1)

lab-down:
	@tests/vm/lab down

bench: all			## measure against DRBD and the bare disk in one run
	@tests/bench/run

install: all			## module, tool, man page, completion, udev rule
	$(MAKE) -C $(KDIR) M=$(BUILD)/module/$(KVER) INSTALL_MOD_PATH=$(DESTDIR) modules_install
	$(SUBMAKE) -C userspace O=$(BUILD) PREFIX=$(PREFIX) install
	depmod -a $(KVER)

clean:
	rm -rf $(BUILD)

help:				## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
