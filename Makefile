# Part of Cascade. SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
export TRAITS
.DEFAULT_GOAL := help
.PHONY: help setup build demo loop-demo serve test test-fast test-isa examples docs cases console-test fuzz probe lint format check coverage doctor clean

help: ## list the targets
	@echo "make demo and make test install what is missing by themselves. All targets:"
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

setup: ## install what building needs (libtorch goes into .deps)
	@scripts/setup.sh

build: setup ## build the release command, .build/release/cascade; TRAITS=TLS for a server that answers HTTPS itself
	@[ -e .build/release/cascade ] || echo "build: the first build takes about 7 minutes on 2 cores, with TRAITS=TLS about 10" >&2
	@scripts/swift.sh build -c release --product cascade

demo: build ## train T2Diff on MovieLens-1M, compare it with popularity, recommend for three users
	@scripts/demo.sh

loop-demo: build ## let a simulated population use a service for 14 days that learns from it every night
	@scripts/loop-demo.py

serve: build ## serve the demo's model, with its console, on http://127.0.0.1:8080
	@scripts/serve.sh

test: ## run the tests; FILTER=name runs those that match
	@scripts/setup.sh --tests
	@scripts/test.sh $(if $(FILTER),--filter "$(FILTER)")

test-fast: ## run the tests of the half that needs no libtorch, without those that import real data
	@CASCADE_TORCH_FREE=1 scripts/test.sh --skip ImporterRealDataTests $(if $(FILTER),--filter "$(FILTER)")

test-isa: ## run the tests of tensors and models under every set of instructions that this processor has
	@scripts/setup.sh --tests
	@scripts/test-on-every-isa.sh

examples: setup ## build and run the packages in Examples/, as programs outside this repository
	@scripts/examples.sh

docs: setup ## make the documentation site with DocC, .build/docs/site; scripts/docs.sh --serve shows it
	@scripts/docs.sh

cases: build ## run what went wrong for users once, and print what Cascade says now
	@scripts/cases.py

probe: setup
	@scripts/swift.sh build --product ServerProbe

console-test: probe ## click through the console in a headless Chromium; SHOTS=folder keeps pictures of every section
	@scripts/setup.sh --browser
	@.deps/venv/bin/python3 scripts/console-test.py .build/debug/ServerProbe $(if $(SHOTS),--shots "$(SHOTS)")

fuzz: probe ## send hostile requests to the HTTP interface with schemathesis; EXAMPLES=30 for each operation
	@scripts/setup.sh --fuzz
	@scripts/fuzz-http.sh .build/debug/ServerProbe

lint: ## check format, license headers, the manifest, the arrows between modules, and the prose of Markdown
	@scripts/lint.sh

format: ## format all Swift files in place
	@swift format format --in-place --parallel --recursive $(wildcard Sources Tests Benchmarks Examples) Package.swift

check: ## lint and test: what CI runs
	@scripts/check.sh

coverage: ## run the tests and print line coverage by module; MINIMUM=80 sets a floor
	@scripts/setup.sh --tests
	@scripts/coverage.sh

doctor: build ## print compiler, libtorch, devices, threads and a self-check
	@.build/release/cascade doctor

clean: ## remove build products and the demo's results (libtorch stays)
	@rm -rf .build .deps/demo
