import type { Reason } from '../../ledger.ts'
import { parseName } from '../../names.ts'
import type { ClientHello, HelloReading } from './client-hello.ts'

/** What a ClientHello asks for: a canonical name, or why it is refused. `asked` is as spelled. */
export type JudgedHello =
  { name: string; asked: string; hello: ClientHello } | { reason: Reason; asked: string | null; host: string | null }

/** Judges a ClientHello by itself, and against the name of the CONNECT that it came through. Asks no policy. */
export function judgeHello(reading: HelloReading, connectName: string | undefined): JudgedHello {
  switch (reading.kind) {
    case 'not-tls':
      return { reason: 'not-tls', asked: null, host: null }
    case 'need-more':
    case 'malformed':
    case 'too-large':
      return { reason: 'malformed', asked: null, host: null }
    case 'hello':
      break
    default:
      return reading satisfies never
  }
  const asked = reading.hello.serverName
  if (asked === undefined) return { reason: 'no-sni', asked: null, host: null }
  const parsed = parseName(asked)
  if (!parsed.ok) return { reason: parsed.reason, asked, host: null }
  if (connectName !== undefined && connectName !== parsed.name)
    return { reason: 'sni-mismatch', asked, host: parsed.name }
  return { name: parsed.name, asked, hello: reading.hello }
}
