/** Entry points of threads; only this file knows where they are. */
export const entries = {
  task: new URL('../bundle/task.cjs', import.meta.url),
  writer: new URL('../bundle/writer.cjs', import.meta.url),
} as const
