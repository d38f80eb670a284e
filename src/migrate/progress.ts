/** Who is told how far long work has come: a screen, or a caller of the API. */
export interface Progress {
  /** What is worked on, how much of it is done, and of how much; first with 0, when it starts. */
  show(task: string, done: number, total: number, unit: string): void
}
