#!/usr/bin/env node
await import('../dist/src/bundle/synapse-migrator.js').catch((err) => {
  if (err.code !== 'ERR_MODULE_NOT_FOUND' || !String(err.message).includes('dist/src/bundle')) throw err
  console.error('synapse-migrator is not built yet: run npm run build')
  process.exitCode = 1
})
