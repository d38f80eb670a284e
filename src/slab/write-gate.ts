/** The states of a gate, for a thread that writes through LMDB. */
const OPEN = 0
const WRITING = 1
const CLOSED = 2

/** The gate of this thread; null if nobody will terminate it. */
let own: Int32Array | null = null
let depth = 0

/** A gate in shared memory, for a thread that is about to start. */
export function newGate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4))
}

/** Makes each transaction of this thread pass the gate. Whoever terminates the thread closes the gate first. */
export function passGate(gate: Int32Array): void {
  own = gate
}

/**
 * Runs a transaction that must not be cut off. If someone terminates a thread within a transaction, lmdb-js closes its
 * environments and waits forever for the lock that the transaction holds.
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
 * Stops further transactions and waits for the running one; blocks this thread.
 *
 * @returns whether no transaction is running, so that the thread can be terminated
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

/** At a closed gate, waits to be terminated. */
function enter(gate: Int32Array): void {
  while (Atomics.compareExchange(gate, 0, OPEN, WRITING) !== OPEN) Atomics.wait(gate, 0, CLOSED)
}
