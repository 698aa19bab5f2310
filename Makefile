# The door.  `make demo` and `make test` do all the set-up on a fresh Debian or Ubuntu machine.
BUILD  ?= build
PREFIX ?= /usr/local
export PREFIX

.PHONY: all deps build demo test golden-check fuzz bench install dist clean options abi format house

all: build
	@echo "goldpan is built: $(BUILD)/src/cli/goldpan.  Next: make demo, make test, make install."

deps:
	@tools/deps.sh build

# A configure that failed leaves no build.ninja, so the next make tries again.
$(BUILD)/build.ninja: | deps
	@echo "goldpan: configuring and building, about a minute"
	@meson setup $(BUILD) --prefix=$(PREFIX) >$(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet product

# Only what the demo needs: the tests are not built.
demo: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet src/cli/goldpan
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
	@ninja -C $(BUILD) --quiet bench/bench_peak bench/bench_encode
	@$(BUILD)/bench/bench_peak
	@$(BUILD)/bench/bench_encode

install: build
	@meson install -C $(BUILD) --no-rebuild --quiet

# goldpan-VERSION.tar.xz, with the explorer's page built: whoever builds from it needs no Node.js.
dist: deps
	@tools/dist.py

# Man pages, completions and docs/options.md, from the tables of options in src/cli.
options: build
	@python3 tools/options.py $(BUILD)/src/cli/goldpan

# The table of functions and struct layouts, after a change of the interface that is meant (docs/library.md).
abi: build
	@python3 tools/abi.py --build $(BUILD) --accept

format:
	@git ls-files '*.c' '*.h' | xargs $$(command -v clang-format-14 || echo clang-format) -i

house: build
	@python3 tools/house.py --build $(BUILD)

clean:
	rm -rf build build-*
