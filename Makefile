# make run | make test | make bench | make install | make uninstall | make deb     (the first two are all that is needed)

VIDEO  ?= samples/room.mp4
PREFIX ?= /usr/local
RELEASE = swift build -c release --static-swift-stdlib -Xlinker -s --product posecam

LIBRARIES = libavdevice-dev libavformat-dev libavcodec-dev libavutil-dev libswresample-dev libswscale-dev libopenblas-dev libncurses-dev zlib1g-dev pkg-config
TEST_TOOLS = ffmpeg tmux python3 mandoc
# ARM's kernels are tested on an emulated processor.
ifeq ($(shell uname -m), x86_64)
TEST_TOOLS += qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross
endif
PACKAGE_TOOLS = dpkg-dev

export PREFIX DESTDIR ZSH_COMPLETIONS
# The date of manual pages and packages: that of what they were made of.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)

.PHONY: run build test lint bench install uninstall deb toolchain libraries test-tools package-tools clean

run: build
	@.build/release/posecam --video '$(VIDEO)'

build: toolchain libraries
	$(RELEASE)

# `swift test` builds for debugging; the release binary is what the end-to-end tests start. Alone it passes over what needs a
# tool that is not there; here that is a failure.
test: toolchain libraries test-tools lint build
	POSECAM_TEST_TOOLS=required swift test

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

bench: build
	.build/release/posecam bench

# `sudo make install` installs what `make build` made, and does not build as root.
install: $(if $(SUDO_UID),,build)
	packaging/install

uninstall:
	packaging/install --remove

deb: build package-tools
	packaging/deb

toolchain:
	@command -v swift >/dev/null || { echo 'posecam needs Swift 6.2 or later: https://www.swift.org/install/linux' >&2; exit 1; }
	@command -v apt-get >/dev/null || command -v pkg-config >/dev/null || \
	  { echo 'posecam needs pkg-config and the development files of FFmpeg, OpenBLAS and ncurses' >&2; exit 1; }

libraries:
	@.ci/need $(LIBRARIES)

test-tools:
	@.ci/need $(TEST_TOOLS)

package-tools:
	@.ci/need $(PACKAGE_TOOLS)

clean:
	rm -rf .build
