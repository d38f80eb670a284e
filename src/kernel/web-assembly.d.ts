// The part of WebAssembly that we use. TypeScript declares it for browsers only, with all else that browsers have.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>
    constructor(module: Module, imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>)
  }
  class Memory {
    constructor(size: { readonly initial: number })
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
}
