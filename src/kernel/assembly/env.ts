// What JavaScript does for the kernel (src/kernel/kernel.ts). AssemblyScript names the module after the file.

/**
 * Copies a finished page of 4096 bytes to its stream and gives it a number, which it returns. `refs` are `refCount`
 * positions (`u16`) of relative page numbers within the page; `isLeaf` is 1 for leaf pages of the top level.
 */
export declare function putPage(pages: usize, page: usize, refs: usize, refCount: u32, isLeaf: i32): u32

/** Puts a value on overflow pages and returns the number of the first one. At address 0 is a value of JavaScript's. */
export declare function putRun(pages: usize, value: usize, valueBytes: u32): u32
