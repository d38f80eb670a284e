/**
 * How far one layer has come, as offsets into its splice log. Each is the offset after the last splice of its kind, so
 * `settled <= pushed <= translated <= held <= read`.
 *
 * | field        | what is before it                                          | moved on by | when                                   |
 * |--------------|------------------------------------------------------------|-------------|----------------------------------------|
 * | `read`       | in memory or further                                       | reader      | a splice has arrived                   |
 * | `held`       | surely on the source's disk                                | reader      | a splice is old enough (`HoldBack`)    |
 * | `translated` | in a node edit, or an error                                | translator  | the translation has taken a splice     |
 * | `pushed`     | acknowledged by the destination, or recorded as an error   | pusher      | a push was answered                    |
 * | `settled`    | surely on the destination's disk                           | pusher      | it was acknowledged long ago (`Marks`) |
 * | `epoch`      | counts the rewinds: what was begun before one is forgotten | `goTo()`    | the pusher goes back                   |
 *
 * While errors are applied again (`retryRecorded()`), `settled` is back at the first of them.
 *
 * `goTo()` sets all offsets except `settled`. Only the reader sets `read` back to `held`, when it reconnects.
 */
export class Frontier {
  read: number
  held: number
  translated: number
  pushed: number
  settled: number
  epoch = 0

  constructor(offset: number) {
    this.read = offset
    this.held = offset
    this.translated = offset
    this.pushed = offset
    this.settled = offset
  }

  goTo(offset: number): void {
    this.epoch++
    this.read = offset
    this.held = offset
    this.translated = offset
    this.pushed = offset
  }
}
