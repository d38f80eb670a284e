/** What the gate of a thread that writes through LMDB says. */
const OPEN = 0
const WRITING = 1
const CLOSED = 2

/** The gate of this thread; null in one that nobody ends. */
let own: Int32Array | null = null
let depth = 0

/** A gate for a thread to be: it lies in shared memory. */
export function newGate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4))
}

/** Makes each transaction of this thread pass the gate, which whoever ends the thread closes first. */
export function passGate(gate: Int32Array): void {
  own = gate
}

/**
 * Runs a transaction. A thread that is ended within one never ends: lmdb-js then closes its environments, and waits forever
 * for the lock that the transaction holds. So a thread may be ended between its transactions only.
 */
export function uncut<T>(transaction: () => T): T {
  const gate = own
  if (gate === null || depth > 0) return transaction()
  enter(gate)
  depth++
  try {
    return transaction()
  } finally {
    depth--
    Atomics.store(gate, 0, OPEN)
    Atomics.notify(gate, 0)
  }
}

/**
 * Lets no further transaction begin, and waits for the one that is running; blocks this thread.
 *
 * @returns whether there is none any more: the thread may be ended
 */
export function closeGate(gate: Int32Array, limitMs: number): boolean {
  const endMs = Date.now() + limitMs
  for (;;) {
    if (Atomics.compareExchange(gate, 0, OPEN, CLOSED) !== WRITING) return true
    const leftMs = endMs - Date.now()
    if (leftMs <= 0) return false
    Atomics.wait(gate, 0, WRITING, leftMs)
  }
}

/** Behind a closed gate it waits to be ended. */
function enter(gate: Int32Array): void {
  while (Atomics.compareExchange(gate, 0, OPEN, WRITING) !== OPEN) Atomics.wait(gate, 0, CLOSED)
}
