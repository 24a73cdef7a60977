# `make` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help setup run try demo test soak bench bench-flame bench-check bench-baseline lint fmt image image-test kind-test walkthrough clean

# Where rustup and Go's own archive put their programs, for shells that do not
# have them on their path yet.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin

# Where the program is after a build, whatever cargo's own settings say.
export CARGO_TARGET_DIR ?= $(CURDIR)/target

ADDRESS ?= 127.0.0.1
PORT ?= 8443
METRICS_PORT ?= 9999
POD ?= deploy/examples/pod.yaml
IMAGE ?= pod-identity-webhook:0.1.0
MINUTES ?= 5
EFFORT ?= standard

help: ## List these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Check what building and testing need, install what is missing
	@scripts/setup test

# One profile and one build, which `make test` then builds on: a release beside
# it would compile every dependency twice.
run: ## Serve the example ServiceAccounts here, without a cluster (PORT, METRICS_PORT: others)
	@scripts/setup
	@cargo build --locked --bin pod-identity-webhook --example dev-certificate --example try
	@cargo run --quiet --locked --example dev-certificate -- certs
	@printf '\nIn a second terminal: make try%s\n\n' '$(if $(filter-out 8443,$(PORT)), PORT=$(PORT))'
	@exec "$$CARGO_TARGET_DIR/debug/pod-identity-webhook" serve --service-accounts deploy/examples \
		--tls-cert certs/tls.crt --tls-key certs/tls.key --address $(ADDRESS) --port $(PORT) \
		--metrics-port $(METRICS_PORT) --shutdown-delay 0s --log-format text

try: ## Send the example pod (POD=file for another) to it, show what is added
	@RUST_BACKTRACE=0 cargo run --quiet --locked --example try -- $(POD) https://$(ADDRESS):$(PORT)/mutate certs/ca.crt

demo: ## The same on a real API server, which is built once (minutes): what it stores
	@scripts/setup test
	@tests/control-plane/build.sh >/dev/null
	@cargo build --locked --bin pod-identity-webhook --example demo
	@RUST_BACKTRACE=0 cargo run --quiet --locked --example demo

test: ## All tests, on a real control plane that is built once (minutes)
	@scripts/setup test
	@tests/control-plane/build.sh kubectl >/dev/null
	@tests/tools/helm/build.sh helm >/dev/null
	@tests/tools/helm/build.sh helm3 >/dev/null
	cargo test --locked --workspace

soak: ## Disturb it in every way under load, then rotate certificates, each for MINUTES (5)
	@scripts/setup test
	@tests/control-plane/build.sh >/dev/null
	SOAK_SECONDS=$$(( $(MINUTES) * 60 )) cargo test --locked --test availability nothing_is_lost -- --nocapture
	ROTATION_SECONDS=$$(( $(MINUTES) * 60 )) cargo test --locked --test availability rotation -- --nocapture

bench: ## Measure it beside a bare TLS server for docs/performance.md (EFFORT=smoke, standard, full; PEER_WEBHOOK=the Go webhook)
	@scripts/bench $(EFFORT)

bench-flame: ## Draw where the time of a request goes (perf and inferno): docs/performance/flame.svg
	@scripts/bench flame

bench-check: ## Fail where a part of an admission takes over 3 % more instructions than agreed
	@scripts/setup bench
	@scripts/bench check

bench-baseline: ## Agree on what they take now; say why in the commit
	@scripts/setup bench
	@scripts/bench baseline

image: ## Build the container image (IMAGE=name, RUST_IMAGE=base) with docker, podman or buildah
	@scripts/image $(IMAGE)

image-test: ## Build the image's last stage from a static binary (minutes), run it with runc, ask it
	@scripts/setup image
	@scripts/image-test

walkthrough: ## The tutorials on a real one-node cluster, with a real STS (root; LONG=yes: until a token is replaced)
	@scripts/setup test
	@tests/walkthrough/run

kind-test: ## Install it on a kind cluster of its own in each way, run the suite there, remove the cluster
	@scripts/setup
	@scripts/kind-test

lint: ## Formatting, clippy, scripts, licences and advisories
	cargo fmt --check --all
	cargo fmt --check --all --manifest-path benches/Cargo.toml
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --manifest-path benches/Cargo.toml --all-targets -- -D warnings
	scripts/manifest --check
	scripts/chart-readme --check
	@if command -v shellcheck >/dev/null 2>&1; then \
		grep -rlE '^#!/.*sh$$' .ci scripts tests | xargs shellcheck -x; \
	else \
		echo 'shellcheck is not installed: shell scripts are not checked here (apt-get install shellcheck)'; \
	fi
	@if command -v cargo-deny >/dev/null 2>&1; then \
		cargo deny --locked check; \
	else \
		echo 'cargo-deny is not installed: licences and advisories are not checked here (cargo install --locked cargo-deny)'; \
	fi

fmt: ## Format the code
	cargo fmt --all
	cargo fmt --all --manifest-path benches/Cargo.toml

clean: ## Delete what was built and the development certificate; the tests' control plane stays
	cargo clean
	rm -f certs/ca.crt certs/tls.crt certs/tls.key
