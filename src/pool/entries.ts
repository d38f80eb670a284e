/** Entry points of threads; this file alone knows where they lie. */
export const entries = {
  task: new URL('../../workers/task.js', import.meta.url),
  writer: new URL('../../workers/writer.js', import.meta.url),
} as const
