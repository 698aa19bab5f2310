# The door.  `make demo` and `make test` do all the set-up on a fresh Debian machine.
BUILD  ?= build
PREFIX ?= /usr/local

.PHONY: all deps build demo test test-asan test-tsan golden-check fuzz bench install clean format house

all: build

deps:
	@tools/deps.sh build

$(BUILD)/build.ninja: | deps
	@test -f $@ || meson setup $(BUILD) --prefix=$(PREFIX) -Dbuildtype=release -Ddebug=true

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

demo: build
	@tools/demo.sh $(BUILD)

test:
	@tools/deps.sh test
	@tools/test.sh

golden-check:
	@tools/deps.sh golden
	@tools/golden_check.sh

fuzz:
	@tools/deps.sh fuzz
	@tools/fuzz.sh

bench: build
	@$(BUILD)/bench/bench_encode

install: build
	@meson install -C $(BUILD) --no-rebuild

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

house:
	@python3 tools/house.py

clean:
	rm -rf build build-*
