#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Everything that a change must pass, for people and for CI alike. Warnings are errors in Package.swift itself.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
make setup
make lint
make build  # the optimizer sees what a debug build does not, without the trait TLS that the tests have
scripts/cases.py
TRAITS=TLS make test
TRAITS=TLS scripts/test-on-every-isa.sh --two
scripts/examples.sh  # as programs outside this repository
