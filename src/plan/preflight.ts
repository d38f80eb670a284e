import type { SourceCortex } from '../source/cortex-dir.js'
export async function preflight(
  source: SourceCortex,
  _o: unknown,
): Promise<{
  problems: { text: string; hint: string }[]
  warnings: { text: string }[]
  notes: string[]
  layers: string[]
}> {
  return { problems: [], warnings: [], notes: [], layers: source.layers.map((l) => l.iden) }
}
