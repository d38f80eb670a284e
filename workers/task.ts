export * from '../src/task/entry.js'
