/** Entry points of threads; only this file knows where they are. */
export const entries = {
  task: new URL('../bundle/task.js', import.meta.url),
  writer: new URL('../bundle/writer.js', import.meta.url),
} as const
