import { setTimeout as delay } from 'node:timers/promises'
import { jsonClient } from './json-client.ts'
import type { Answer, JsonClient } from './json-client.ts'

export type Address = { url: string; token: string }
type Question = (client: JsonClient) => Promise<Answer>

/** Asks a server that dies and comes back, as a client does that does not give up. */
export function stubbornClient() {
  let server: Address | undefined
  return {
    /** The server to talk to; undefined while there is none. */
    use(next: Address | undefined): void {
      server = next
    },
    /** Asks until a living server answers; a refusal is an error of this program. Resolves to the answer's text. */
    async ask(question: Question): Promise<string> {
      for (;;) {
        const answer = server && (await askOnce(server, question))
        if (answer && answer.status < 300) return answer.text
        if (answer && answer.status < 500) throw new Error(`The server answered ${answer.status}: ${answer.text}`)
        await delay(20)
      }
    },
  }
}
export type StubbornClient = ReturnType<typeof stubbornClient>

async function askOnce(server: Address, question: Question): Promise<Answer | undefined> {
  const client = jsonClient(server.url, server.token)
  try {
    return await question(client)
  } catch (error) {
    // The server is dead, or died over this request.
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  } finally {
    client.close()
  }
}
