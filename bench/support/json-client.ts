import { Agent, request } from 'node:http'

type Headers = Readonly<Record<string, string>>
export type Answer = { status: number; text: string; ms: number }

/** An HTTP client that keeps one connection open, as a page or a command that asks often does. */
export function jsonClient(url: string, token: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const send = (method: string, path: string, body?: unknown, more: Headers = {}): Promise<Answer> => {
    const started = performance.now()
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...more,
    }
    return new Promise((resolve, reject) => {
      const sent = request(`${url}/api/v1${path}`, { method, agent, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({ status: response.statusCode ?? 0, text, ms: performance.now() - started })
        })
      })
      sent.on('error', reject)
      sent.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }
  return {
    send,
    /** The JSON of an answer; rejects when it is not a success. */
    async json<T>(method: string, path: string, body?: unknown, more: Headers = {}): Promise<T> {
      const answer = await send(method, path, body, more)
      if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text}`)
      return JSON.parse(answer.text) as T
    },
    close: () => agent.destroy(),
  }
}
export type JsonClient = ReturnType<typeof jsonClient>
