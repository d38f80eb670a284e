// Copies the data files that the program reads at run time beside the compiled code.
import { cpSync, existsSync } from 'node:fs'

for (const dir of ['src/bytes/data', 'src/model/data'])
  if (existsSync(dir)) cpSync(dir, `dist/${dir}`, { recursive: true })
