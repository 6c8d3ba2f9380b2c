# SPDX-License-Identifier: BSD-3-Clause
# A reminder of what one types; the work is done by meson, and by scripts in config/.
# BUILD is the build folder; OPTIONS go to meson setup, CC is the compiler: make test BUILD=build-clang CC=clang.
# The folder keeps both until others are given.

BUILD ?= build
OPTIONS ?=

.PHONY: help all build run test test-vm tsan bench arm64 lint format install clean
all: build

help:                   ## print this
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

build:                  ## install what is missing, configure, build
	@config/setup.sh run
	@config/build.sh $(BUILD) $(OPTIONS)

run: build              ## the main job: a short sweep, and a file through the device
	@config/hugepages.sh
	@config/run.sh $(BUILD)

test:                   ## build, and run all tests
	@config/setup.sh run test
	@config/hugepages.sh
	@config/build.sh $(BUILD) $(OPTIONS)
	@config/test.sh $(BUILD)

test-vm:                ## a PCI device behind an IOMMU, in a guest of QEMU
	@config/setup.sh run test vm
	@config/build.sh $(BUILD) $(OPTIONS)
	@test/vm/suite.sh $(BUILD)

tsan:                   ## a build with ThreadSanitizer, and the tests in which threads meet
	@config/setup.sh run test
	@config/hugepages.sh
	@config/tsan.sh build-tsan $(OPTIONS)

bench: build            ## the full sweep: dma_dad beside dma_skeleton, the ring beside rte_ring
	@config/bench.sh $(BUILD)
	@config/bench-ring.sh $(BUILD)
	@config/bench-map.sh $(BUILD)

arm64:                  ## build for arm64, and run unit tests under qemu
	@config/setup.sh run arm64
	@config/arm64.sh build-arm64 $(OPTIONS)

lint:                   ## all checks of the source
	@config/setup.sh lint
	@config/lint.sh

format:                 ## lay out the C files as clang-format has them
	@config/setup.sh lint
	@config/format.sh

install: build          ## install to the system; DESTDIR= is heeded
	@config/install.sh $(BUILD)

clean:                  ## remove the build folders; the driver-SDK headers in .cache stay
	rm -rf build build-*/
