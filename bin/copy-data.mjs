// Copies the data files that the program reads at run time beside the compiled code, and beside the bundle.
import { cpSync } from 'node:fs'

for (const dir of ['src/python/data', 'src/model/data'])
  for (const to of [`dist/${dir}`, 'dist/src/bundle/data']) cpSync(dir, to, { recursive: true })
