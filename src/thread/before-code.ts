import { Packr } from 'msgpackr/pack'

// V8 discards all code that it has optimized for buffers when a thread moves its first one to another thread, and when the
// first one gets a property, as msgpackr gives it. So let both happen while there is no such code.
structuredClone(new ArrayBuffer(1), { transfer: [new ArrayBuffer(1)] })
new Packr().pack(null)
