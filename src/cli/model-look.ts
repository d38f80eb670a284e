import type { CheckOptions } from '../model-tools/check-model.js'
import { readModelFiles } from './model-files.js'
import { ProgressScreen } from './progress-screen.js'

/** Reads all rows of a source with the given models, and shows progress. */
export async function withLook<Found>(
  srcDir: string,
  places: readonly string[],
  act: (look: CheckOptions) => Promise<Found>,
): Promise<Found> {
  const screen = ProgressScreen.onStderr()
  try {
    const tell = (text: string) => screen.write(`${text}\n`)
    return await act({
      srcDir,
      files: await readModelFiles(places, tell),
      tell,
      progress: (layer, done, total) => screen.show({ phase: 'count', layer, done, total, unit: 'rows' }),
    })
  } finally {
    screen.stop()
  }
}
