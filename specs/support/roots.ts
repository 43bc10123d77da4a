/** Debian roots with what specs build and check things with, beyond what the harness has. Each takes about a minute, once. */
import { debianRoot } from '../../harness/archive/tool-root.js';
import type { Root } from '../../harness/archive/tool-root.js';

/**
 * The root with clang, in which modules are built for kernels that clang has built, and the policy core is fuzzed.
 */
export function clangRoot(): Promise<Root> {
  const fuzzing = ['cargo', 'libclang-rt-dev', 'libjson-c-dev'];
  const packages = ['clang', 'lld', 'llvm', 'make', 'rustc', 'libelf1t64', 'pahole', ...fuzzing];
  return debianRoot('clang', 'clang and its tools', packages);
}

/**
 * The root in which programs in C++ are built.
 * @param libraries Debian packages that they are built with, beyond the C++ library
 */
export function cxxRoot(libraries: readonly string[]): Promise<Root> {
  return debianRoot('cxx', `a C++ compiler and ${libraries.join(', ')}`, ['g++', 'make', ...libraries]);
}

/** The root in which the examples in Go are built. */
export function goRoot(): Promise<Root> {
  return debianRoot('go', 'the Go compiler', ['golang-go']);
}

/** The root in which Rust is compiled to WebAssembly. */
export function wasmRoot(): Promise<Root> {
  return debianRoot('wasm', 'the Rust compiler for WebAssembly', ['rustc', 'libstd-rust-dev-wasm32', 'lld']);
}

/** The root in which Debian packages of a module, and of a program for Node with an addon, are built and checked. */
export function packagingRoot(): Promise<Root> {
  return debianRoot('packaging', 'the tools that build packages', [
    ...['build-essential', 'debhelper', 'dh-dkms', 'lintian'],
    ...['nodejs', 'libnode-dev', 'node-gyp', 'node-addon-api'],
    ...['libtomlplusplus-dev', 'nlohmann-json3-dev'],
  ]);
}

/**
 * herd7, which checks litmus tests; from sid, since no release has it. An index of sid is valid for a week, and a
 * mirror that stands still has an older one. Its signature is checked all the same.
 */
export function herdRoot(): Promise<Root> {
  const options = ['--aptopt=Acquire::Check-Valid-Until "false"'];
  return debianRoot('herd', 'the checker of litmus tests', ['herdtools7'], options, 'sid');
}

/** A web browser, to look at the pages of results. */
export function browserRoot(): Promise<Root> {
  return debianRoot('browser', 'a web browser', ['chromium', 'fonts-dejavu-core']);
}
