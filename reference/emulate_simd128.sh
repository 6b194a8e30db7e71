#!/usr/bin/env bash
# Runs the kernels' differential tests as a WebAssembly module with 128-bit vectors, in Node.
#
#     reference/emulate_simd128.sh [FILTER]
#
# Builds the standard library for wasm32-wasip1 from source first (two minutes, once). Needs, on Debian:
#     apt-get install --no-install-recommends rustc-web cargo-web rust-web-src wasi-libc lld-22 nodejs
set -euo pipefail
cd "$(dirname "$0")/.."
work=target/emulate
mkdir -p "$work"
cat > "$work/wasi.cjs" <<'JS'
const { WASI } = require("wasi");
const module_bytes = require("fs").readFileSync(process.argv[2]);
const wasi = new WASI({ version: "preview1", args: process.argv.slice(2) });
WebAssembly.instantiate(module_bytes, { wasi_snapshot_preview1: wasi.wasiImport })
    .then(({ instance }) => process.exit(wasi.start(instance)));
JS
# RUSTC_BOOTSTRAP: building the standard library is not a stable option. The C library there has no pthread_join, which
# the standard library names and nothing here calls: a stub that traps takes its place.
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$work/wasm
export CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $PWD/$work/wasi.cjs"
export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="-C target-feature=+simd128 -C linker=wasm-ld-22 -L /usr/lib/wasm32-wasi -C link-arg=--unresolved-symbols=ignore-all"
/usr/bin/cargo test -Z build-std=std,panic_abort,test --release -p inkstone-kernels --target wasm32-wasip1 --test differential --test data_differential -- --nocapture "$@"
