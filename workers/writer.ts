import '../src/target/writer-thread.js'
