# make run | make test | make bench | make install        (README: the first two are all that is needed)

VIDEO  ?= samples/room.mp4
PREFIX ?= /usr/local
RELEASE = swift build -c release --static-swift-stdlib -Xlinker -s --product posecam

LIBRARIES = libavdevice-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libopenblas-dev libncurses-dev zlib1g-dev pkg-config
TEST_TOOLS = ffmpeg tmux python3

.PHONY: run build test lint bench install toolchain libraries test-tools clean

run: build
	@.build/release/posecam --video '$(VIDEO)'

build: toolchain libraries
	$(RELEASE)

# `swift test` builds for debugging; the release binary is what the end-to-end tests start.
test: toolchain libraries test-tools lint build
	swift test

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

bench: build
	.build/release/posecam bench

install: build
	install -D -m 755 .build/release/posecam '$(DESTDIR)$(PREFIX)/bin/posecam'

toolchain:
	@command -v swift >/dev/null || { echo 'posecam needs Swift 6.2 or later: https://www.swift.org/install/linux' >&2; exit 1; }
	@command -v apt-get >/dev/null || command -v pkg-config >/dev/null || \
	  { echo 'posecam needs pkg-config and the development files of FFmpeg, OpenBLAS and ncurses' >&2; exit 1; }

libraries:
	@.ci/need $(LIBRARIES)

test-tools:
	@.ci/need $(TEST_TOOLS)

clean:
	rm -rf .build
