import { Agent, request } from 'node:http'

/** One event of a task as it came in. `json` is what follows `data: `. */
export type Received = { seq: number; json: string; at: number }

const agent = new Agent({ keepAlive: false, maxSockets: Infinity })

/**
 * Follows the events of a task. Calls `onEvents` with the events of each chunk as it arrives, at the time of the epoch in
 * milliseconds. Resolves when the server says that the task ended; rejects when the stream breaks off.
 */
export function followEvents(
  { url, token, taskId }: { url: string; token: string; taskId: string },
  onEvents: (events: Received[]) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const sent = request(`${url}/api/v1/tasks/${taskId}/events`, { agent, headers }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`The event stream answered ${response.statusCode}`))
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        const at = performance.timeOrigin + performance.now()
        const blocks = (rest + chunk).split('\n\n')
        rest = blocks.pop() ?? ''
        onEvents(blocks.flatMap((block) => received(block, at)))
        if (blocks.some((block) => block.startsWith('event: end'))) resolve()
      })
      response.on('error', reject)
      response.on('close', () => reject(new Error('The event stream broke off')))
    })
    sent.on('error', reject)
    sent.end()
  })
}

function received(block: string, at: number): Received[] {
  if (!block.startsWith('id: ')) return []
  const end = block.indexOf('\n')
  return [{ seq: Number(block.slice(4, end)), json: block.slice(end + 7), at }]
}
