/**
 * Numbers the queues of a 0.2.x Cortex: the items of a queue are stored under its number, so every queue keeps the one
 * that 0.1.x gave it; a queue that was never used has none yet and gets the next free one, in the order of `names`.
 *
 * @param names the queues, from db `cortex:queue:meta`
 * @param numbers what 0.1.x gave out, from db `cortex:queue:abrv:name2abrv`
 */
export function numberQueues(
  names: readonly string[],
  numbers: ReadonlyMap<string, bigint>,
): { readonly name: string; readonly number: bigint }[] {
  const given = [...numbers].map(([name, number]) => ({ name, number }))
  let next = given.reduce((most, { number }) => (number >= most ? number + 1n : most), 0n)
  for (const name of names) {
    if (!numbers.has(name)) given.push({ name, number: next++ })
  }
  return given
}
