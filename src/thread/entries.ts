/** Entry points of threads; this file alone knows where they lie. */
export const entries = {
  task: new URL('../bundle/task.js', import.meta.url),
  writer: new URL('../bundle/writer.js', import.meta.url),
} as const
