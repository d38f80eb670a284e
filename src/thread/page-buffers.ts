import { MessageChannel, type MessagePort, receiveMessageOnPort, threadId } from 'node:worker_threads'
import { CHUNK_BYTES, reuseBuffer } from '../page/chunk-writer.js'

/** Where the writer sends the buffers of each thread. */
const returnPorts = new Map<number, MessagePort>()
/** Where this thread gets its own back. */
let returned: MessagePort | null = null

/** A part of what a thread sends to the writer. */
export interface BufferOwner {
  /** Which thread wants its buffers back. */
  readonly thread: number
  /** With a thread's first message: where to send them. */
  readonly returns?: MessagePort
}

/** This thread as an owner. If it has a port, transfer that. */
export function bufferOwner(): BufferOwner {
  if (returned !== null) return { thread: threadId }
  const { port1, port2 } = new MessageChannel()
  returned = port1
  return { thread: threadId, returns: port2 }
}

/** Takes back the buffers that the writer has written since the last call. Tasks are synchronous, so no event tells. */
export function takeBuffersBack(): void {
  if (returned === null) return
  for (let got = receiveMessageOnPort(returned); got !== undefined; got = receiveMessageOnPort(returned)) {
    reuseBuffer(got.message as Uint8Array<ArrayBuffer>)
  }
}

/** For the writer: notes where to send a thread's buffers. */
export function noteOwner({ thread, returns }: BufferOwner): void {
  if (returns !== undefined) returnPorts.set(thread, returns)
}

/**
 * For the writer: sends a buffer back whose pages are written. Nothing in this thread may use it any more. Those of
 * another than the usual size are few, and the largest ones would take up memory for long.
 */
export function giveBack(thread: number, bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.buffer.byteLength === CHUNK_BYTES) returnPorts.get(thread)?.postMessage(bytes, [bytes.buffer])
}
