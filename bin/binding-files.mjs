/** The bindings that the package brings, where `lmdb` looks for them, and Zig's name of what each is for. */
export const BINDINGS = [
  { file: 'prebuilds/linux-x64/node.napi.glibc.node', target: 'x86_64-linux-gnu.2.17' },
  { file: 'prebuilds/linux-x64/node.napi.musl.node', target: 'x86_64-linux-musl' },
  { file: 'prebuilds/linux-arm64/node.napi.glibc.node', target: 'aarch64-linux-gnu.2.17' },
  { file: 'prebuilds/linux-arm64/node.napi.musl.node', target: 'aarch64-linux-musl' },
  { file: 'prebuilds/darwin-x64/node.napi.node', target: 'x86_64-macos.11.0' },
  { file: 'prebuilds/darwin-arm64/node.napi.node', target: 'aarch64-macos.11.0' },
]

/** Says of what and by what they were made. */
export const MANIFEST = 'prebuilds/manifest.json'
