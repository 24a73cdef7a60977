# `make` lists the commands.
.DEFAULT_GOAL := help
.PHONY: help setup run try demo test soak panels bench bench-flame bench-check bench-baseline fuzz lint fmt book image image-test image-parts sbom reproduce release-dry-run kind-test walkthrough demo-cluster clean

# Where rustup and Go install their programs, for shells that do not have them
# on their path yet.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin

export SECONDS_EACH ?= 60

# Fixed, so that recipes find the program whatever cargo's own settings are.
export CARGO_TARGET_DIR ?= $(CURDIR)/target

ADDRESS ?= 127.0.0.1
PORT ?= 8443
METRICS_PORT ?= 9999
POD ?= deploy/examples/pod.yaml
IMAGE ?= pod-identity-webhook:0.1.0
MINUTES ?= 5
EFFORT ?= standard

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Check what builds and tests need, and install what is missing
	@scripts/setup test

# The same profile as `make test`: a release build would compile every
# dependency a second time.
run: ## Serve the example ServiceAccounts on this machine, without a cluster (PORT, METRICS_PORT)
	@scripts/setup
	@cargo build --locked --bin pod-identity-webhook --example dev-certificate --example try
	@cargo run --quiet --locked --example dev-certificate -- certs
	@printf '\nIn a second terminal: make try%s\n\n' '$(if $(filter-out 8443,$(PORT)), PORT=$(PORT))'
	@exec "$$CARGO_TARGET_DIR/debug/pod-identity-webhook" serve --service-accounts deploy/examples \
		--tls-cert certs/tls.crt --tls-key certs/tls.key --address $(ADDRESS) --port $(PORT) \
		--metrics-port $(METRICS_PORT) --shutdown-delay 0s --log-format text

try: ## Send the example pod to it, and show what it adds (POD=file: another pod)
	@RUST_BACKTRACE=0 cargo run --quiet --locked --example try -- $(POD) https://$(ADDRESS):$(PORT)/mutate certs/ca.crt

demo: ## Show what a real API server stores (the first run builds it, in minutes)
	@scripts/setup test
	@tests/control-plane/build.sh >/dev/null
	@cargo build --locked --bin pod-identity-webhook --example demo
	@RUST_BACKTRACE=0 cargo run --quiet --locked --example demo

test: ## Run all tests on a real control plane (the first run builds it, in minutes)
	@scripts/setup test
	@tests/control-plane/build.sh kubectl >/dev/null
	@tests/tools/helm/build.sh helm >/dev/null
	@tests/tools/helm/build.sh helm3 >/dev/null
	@tests/tools/otelcol/build.sh >/dev/null
	@tests/tools/aws/install.sh >/dev/null
	@tests/tools/prometheus/install.sh >/dev/null || [ $$? = 69 ]
	cargo test --locked --workspace

soak: ## Run the webhook under load with disturbances, then rotate certificates, each for MINUTES (5)
	@scripts/setup test
	@tests/control-plane/build.sh >/dev/null
	SOAK_SECONDS=$$(( $(MINUTES) * 60 )) cargo test --locked --test alone nothing_is_lost -- --nocapture
	ROTATION_SECONDS=$$(( $(MINUTES) * 60 )) cargo test --locked --test alone rotation -- --nocapture
	cargo test --locked --test alone fell_silent -- --nocapture --ignored

panels: ## Draw what the dashboard's queries give in a run of five minutes: docs/images/panels.svg
	@scripts/setup test
	@tests/control-plane/build.sh kubectl >/dev/null
	cargo test --locked --test cluster draws_the_panels -- --ignored

bench: ## Compare with a bare TLS server, write docs/performance.md (EFFORT=smoke, standard, full; PEER_WEBHOOK=the Go webhook)
	@scripts/bench $(EFFORT)

bench-flame: ## Draw a flame graph of a request (perf and inferno): docs/performance/flame.svg
	@scripts/bench flame

bench-check: ## Fail if a part of an admission takes over 3 % more instructions than the baseline
	@scripts/setup bench
	@scripts/bench check

bench-baseline: ## Make the current counts the baseline; give the reason in the commit
	@scripts/setup bench
	@scripts/bench baseline

fuzz: ## Run each fuzz target from the tests' cases (SECONDS_EACH=60; installs cargo-fuzz)
	@scripts/setup
	@scripts/fuzz

image: ## Build the container image (IMAGE=name, RUST_IMAGE=base) with docker, podman or buildah
	@scripts/image $(IMAGE)

image-test: ## Build the image's last stage (minutes), run it with runc and send it requests
	@scripts/setup image
	@scripts/image-test

image-parts: ## Say what takes the bytes of the image's binary (a release build)
	@scripts/setup
	@scripts/image-parts

sbom: ## Write the bill of materials of the image's binary: target/sbom.cdx.json (a release build)
	@scripts/setup
	@scripts/static native "$$CARGO_TARGET_DIR/webhook"
	@scripts/sbom "$$CARGO_TARGET_DIR/webhook" "$$CARGO_TARGET_DIR/sbom.cdx.json"

reproduce: ## Build the image's binary twice in two places and compare (two release builds)
	@scripts/setup
	@scripts/reproduce

release-dry-run: ## Do and check all of a release that needs no registry (PROFILE=dev: without optimisation)
	@scripts/setup test
	@scripts/release-dry-run

walkthrough: ## Follow the tutorials on a real one-node cluster with a real STS (root; LONG=yes: wait for a new token)
	@scripts/setup test
	@tests/walkthrough/run

demo-cluster: ## Show the status page, and a missed pod found and restarted, on a real one-node cluster (root; PICTURES=folder: keep pictures)
	@scripts/setup test
	@PICTURES="$(if $(PICTURES),$(abspath $(PICTURES)))" tests/walkthrough/run 10-cluster 40-webhook f0-operate

kind-test: ## Install it on a new kind cluster in each way, run the suite, delete the cluster
	@scripts/setup
	@scripts/kind-test

lint: ## Check formatting, clippy, scripts, workflows, licences and advisories
	@scripts/setup lint
	cargo fmt --check --all
	cargo fmt --check --all --manifest-path benches/Cargo.toml
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --manifest-path benches/Cargo.toml --all-targets -- -D warnings
	scripts/pure
	scripts/manifest --check
	scripts/chart-readme --check
	scripts/version --check
	grep -rlE '^#!/.*sh$$' .ci scripts tests | xargs shellcheck -x
	scripts/workflows
	scripts/book
	scripts/deny

fmt: ## Format the code
	cargo fmt --all
	cargo fmt --all --manifest-path benches/Cargo.toml
	cargo fmt --manifest-path fuzz/Cargo.toml

book: ## Write README.md and docs/ as a book with a search: target/book/html (installs mdBook)
	@scripts/setup lint
	@scripts/book
	@echo "$$CARGO_TARGET_DIR/book/html/index.html"

clean: ## Delete builds and the development certificate; keep the tests' control plane
	cargo clean
	rm -f certs/ca.crt certs/tls.crt certs/tls.key
