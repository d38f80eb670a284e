import '../src/writer/writer-thread.js'
