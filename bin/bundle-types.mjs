// Copies the type declarations that src/index.ts and src/pages.ts reach to dist/types: users of the package need those alone.
import { cpSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import ts from 'typescript'

const FROM = 'dist/src'
const TO = 'dist/types'

rmSync(TO, { recursive: true, force: true })
const options = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, noLib: true }
for (const { fileName } of ts.createProgram([`${FROM}/index.d.ts`, `${FROM}/pages.d.ts`], options).getSourceFiles()) {
  const path = relative(FROM, fileName)
  if (!path.startsWith('..')) cpSync(fileName, `${TO}/${path}`)
}
