export * from '../src/tasks.js'
