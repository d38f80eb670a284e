import { InvalidArgumentError } from 'commander'

/** Parses a whole number like Python's argparse: allows a sign, and spaces around it. */
export function intOf(text: string): number {
  if (!/^[+-]?\d+$/.test(text.trim())) throw new InvalidArgumentError('it is not a whole number')
  return Number(text)
}

/** Parses a whole number of 0 or more. */
export function countOf(text: string): number {
  const value = intOf(text)
  if (value < 0) throw new InvalidArgumentError('it must be 0 or more')
  return value
}

/** Parses a whole number of 1 or more. */
export function atLeastOne(text: string): number {
  const value = intOf(text)
  if (value < 1) throw new InvalidArgumentError('it must be 1 or more')
  return value
}
