import { connect } from 'node:net'
import type { Socket } from 'node:net'

const HEAD_END = '\r\n\r\n'

export type RawAnswer = { status: number; body: string }
export type RawRequest = { method: string; path: string; token: string; body?: string }

/**
 * One connection to an HTTP server that asks and waits in turns, with as little work per request as there can be: the
 * machine's cores are for the server. Reads answers with a content-length only.
 */
export class RawClient {
  #socket: Socket
  #host: string
  #buffered: Buffer = Buffer.alloc(0)
  #waiting: { resolve: (answer: RawAnswer) => void; reject: (error: Error) => void } | undefined

  constructor(url: string) {
    const { hostname, port, host } = new URL(url)
    this.#host = host
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.#socket.on('data', (chunk) => this.#take(chunk))
    this.#socket.on('error', (error) => this.#waiting?.reject(error))
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')))
  }

  ask({ method, path, token, body }: RawRequest): Promise<RawAnswer> {
    const ofBody =
      body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
    const head = `${method} /api/v1${path} HTTP/1.1\r\nhost: ${this.#host}\r\nauthorization: Bearer ${token}\r\n${ofBody}\r\n`
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(head + (body ?? ''))
    })
  }

  close(): void {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
    const end = this.#buffered.indexOf(HEAD_END)
    if (end < 0) return
    const head = this.#buffered.toString('latin1', 0, end)
    const length = /^content-length: (\d+)$/im.exec(head)?.[1]
    if (length === undefined) return this.#waiting?.reject(new Error(`an answer without a length: ${head}`))
    const whole = end + HEAD_END.length + Number(length)
    if (this.#buffered.length < whole) return
    const body = this.#buffered.toString('utf8', end + HEAD_END.length, whole)
    this.#buffered = this.#buffered.subarray(whole)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve({ status: Number(head.slice(9, 12)), body })
  }
}
