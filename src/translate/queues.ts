/**
 * Numbers the queues of a 0.2.x Cortex, which stores the items of a queue under its number. So every queue keeps its
 * number of 0.1.x. A queue that was never used has none, and gets the next free one, in the order of `names`.
 *
 * @param names the queues, from db `cortex:queue:meta`
 * @param numbers the numbers of 0.1.x, from db `cortex:queue:abrv:name2abrv`
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
