// What JavaScript does for the kernel (src/kernel/kernel.ts). AssemblyScript names the module after the file.

/**
 * Copies a finished page of 4096 bytes to its stream and gives it a number, which it returns. `refs` are `refCount`
 * positions (`u16`) of relative page numbers within the page; `isLeaf` is 1 for leaf pages of the top level.
 */
export declare function putPage(pages: usize, page: usize, refs: usize, refCount: u32, isLeaf: i32): u32

/** Puts a value on overflow pages and returns the number of the first one. At address 0 is a value of JavaScript's. */
export declare function putRun(pages: usize, value: usize, valueBytes: u32): u32

/** Reads more rows for a reader of a merge; 0 when there are none. */
export declare function refill(merge: usize, reader: u32): i32

/** Writes the whole blocks of a `RunOut` to its file and moves the rest to their place. */
export declare function flushRun(out: usize): void

// How to translate what has this name: the address of a plan, or 0 for a node that JavaScript has to take.
export declare function learnForm(name: usize, bytes: u32): usize
export declare function learnProp(form: i32, name: usize, bytes: u32): usize
export declare function learnTagProp(tag: i32, form: i32, name: usize, bytes: u32): usize
/** The number of a tag, or -1. */
export declare function learnTag(name: usize, bytes: u32): i32
/** The group of the index rows of a tag and a form. */
export declare function learnTagForm(tag: i32, form: i32): i32

/** What tells by its bytes that a value of the form norms to itself: the address of a check, or 0. */
export declare function learnCheck(name: usize, bytes: u32): usize
/** Whether the value norms to itself. */
export declare function isNormed(form: i32, at: usize, end: usize): i32
/** Writes the index of an unusual value and returns its length, or -1. */
export declare function indexOf(stortype: u32, at: usize, end: usize, out: usize): i32
/** Copies a value of so many bytes from overflow pages to `out`. `ref` is where the number of the first page is. */
export declare function readBig(ref: usize, out: usize, bytes: u32): void
