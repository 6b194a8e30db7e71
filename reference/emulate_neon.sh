#!/usr/bin/env bash
# Runs the kernels' differential tests on an emulated 64-bit Arm CPU: NEON, for machines that are none.
#
#     reference/emulate_neon.sh [FILTER]
#
# Compiles with Debian's own Rust, whose standard library there is for Arm too, and runs in qemu's user mode. Needs, on Debian:
#     dpkg --add-architecture arm64 && apt-get update
#     apt-get install --no-install-recommends rustc-web cargo-web libstd-rust-web-dev:arm64 \
#         gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
# A few seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
target=AARCH64_UNKNOWN_LINUX_GNU
export RUSTC=/usr/bin/rustc CARGO_TARGET_DIR=target/emulate/arm64
export CARGO_TARGET_${target}_LINKER=aarch64-linux-gnu-gcc CARGO_TARGET_${target}_RUNNER="timeout 600 qemu-aarch64"
# Static: with the dynamic C library the first thread of a program never starts under qemu 7.2.
export CARGO_TARGET_${target}_RUSTFLAGS="-C target-feature=+crt-static"
/usr/bin/cargo test --release -p inkstone-kernels --target aarch64-unknown-linux-gnu --test differential --test data_differential -- --nocapture "$@"
