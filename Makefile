# Bridgehead. Two commands are enough on a fresh Debian 12 with Go:
#   make run     installs what is missing, builds, opens the wizard on a rehearsal host
#   make test    installs what is missing, runs everything
SHELL   := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0)
LDFLAGS := -s -w -X main.version=$(VERSION)
GO      ?= go

# The real systems that rehearsals and tests run, and what the tests look with.
PACKAGES := openvswitch-switch ifupdown iproute2 iputils-ping ethtool procps \
	libvirt-daemon-system libvirt-clients qemu-system-x86 virtinst dnsmasq-base isc-dhcp-client systemd-sysv dbus \
	openssh-server openssh-client tmux \
	mmdebstrap qemu-utils zstd cpio e2fsprogs kmod

.PHONY: all build run test test-vm test-bonds test-faults test-faults-lab check screens lint fuzz fuzz-keys bench bench-cut deps clean

all: build

build: ## a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bridgehead .

run: deps build ## the wizard on a rehearsal host: nothing of this machine is touched
	$(SUDO) ./bridgehead rehearse --tutorial

test: deps check ## everything, one package after the other: labs and machines want the processor for themselves
	$(GO) test -race -p 1 -timeout 30m ./...

test-vm: deps ## every test on whole machines, power cuts among them; its tables go into docs/power-cuts.md, docs/bonds.md and docs/faults.md
	$(GO) test -tags vm -timeout 240m -v ./backend/lab/vm

STORIES ?= 10000
test-bonds: deps ## bonds against a switch that speaks LACP
	$(GO) test -tags bonds -run Bond -timeout 20m -v .

test-faults: ## every fault at every change of apply, confirm, rollback and undo, counted; STORIES random stories
	set -o pipefail; BRIDGEHEAD_TEST=full BRIDGEHEAD_STORIES=$(STORIES) $(GO) test ./backend/trial -run 'Matrix|Model|Torn' -v -timeout 120m | grep --line-buffered -v '^=== \|    --- PASS'

test-faults-lab: deps ## faults at every operation on hosts in namespaces, with the real daemons, counted; its table goes into docs/faults.md
	set -o pipefail; BRIDGEHEAD_TEST=full $(GO) test . -run 'LabMatrix|ExpiryIsAnswered' -parallel 6 -v -timeout 180m | grep --line-buffered -v '^=== \|    --- PASS'

check: ## what needs no host
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	$(GO) vet ./...

screens: ## every screen, plan and script as it is now, and the README's picture of them; read the difference
	$(GO) test -count=1 ./golden -update
	git --no-pager diff --stat -- golden docs/screens.svg

LINT_VERSION := v2.12.2
lint: ## golangci-lint, config in .golangci.yml
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION) run

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || exit 1; \
	  done; done

KEYS ?= 100000
fuzz-keys: ## KEYS random keys at the real program, on four kinds of terminal; nothing may be applied
	BRIDGEHEAD_KEYS=$(KEYS) $(GO) test -run RandomKeys -timeout 60m -v .

bench: deps ## speed and size of the parts
	$(GO) test -run '^$$' -bench . -benchtime 5x ./backend/... ./tui/...

bench-cut: deps ## how long the management address does not answer, beside the ways by hand
	$(GO) test -run '^$$' -bench Cut -benchtime 10x .

# Services are not started on the machine itself: policy-rc.d(8) forbids it while packages are installed.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
deps:
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	[ -z "$$missing" ] || { echo "installing:" $$missing; $(SUDO) ./packaging/install-quietly $$missing; }

clean:
	rm -f bridgehead
