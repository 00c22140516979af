import { Agent, request } from 'node:http'

/** One event of a task as it came in. `json` is what follows `data: `. */
export type Received = { seq: number; json: string; at: number }

const agent = new Agent({ keepAlive: false, maxSockets: Infinity })

/**
 * Follows the events of a task. Calls `onEvent` with each event as it arrives, at the time of the epoch in milliseconds.
 * Resolves when the server says that the task ended; rejects when the stream breaks off. Text comes as Latin-1.
 */
export function followEvents(
  { url, token, taskId }: { url: string; token: string; taskId: string },
  onEvent: (event: Received) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const sent = request(`${url}/api/v1/tasks/${taskId}/events`, { agent, headers }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`The event stream answered ${response.statusCode}`))
      let rest = ''
      response.setEncoding('latin1')
      response.on('data', (chunk: string) => {
        const text = rest + chunk
        rest = text.slice(takeEvents(text, { onEvent, onEnd: resolve }))
      })
      response.on('error', reject)
      response.on('close', () => reject(new Error('The event stream broke off')))
    })
    sent.on('error', reject)
    sent.end()
  })
}

type Sink = { onEvent: (event: Received) => void; onEnd: () => void }

/** Takes whole events off a text and gives the position of what is left. A thousand followers share this process, so it scans. */
function takeEvents(text: string, { onEvent, onEnd }: Sink): number {
  const at = performance.timeOrigin + performance.now()
  let from = 0
  for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
    if (text.startsWith('id: ', from)) {
      const line = text.indexOf('\n', from)
      onEvent({ seq: Number(text.slice(from + 4, line)), json: text.slice(line + 7, end), at })
    } else if (text.startsWith('event: end', from)) onEnd()
    from = end + 2
  }
  return from
}
