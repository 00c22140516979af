import { declaredFraming, listOf, parseFields, type Framing } from './fields.ts'
import type { Field } from './field.ts'

export type ResponseHead = {
  minor: 0 | 1
  status: number
  fields: Field[]
  /** The lower-case elements of Connection. */
  connection: string[]
  /** As declared; see `responseFraming` for the body that really comes. */
  declared: Framing
  /** The connection may carry another exchange. */
  keepAlive: boolean
}

/** Parses a response head that the scanner found. Undefined: anything odd; then nothing of it may be used. */
export function parseResponseHead(head: string): ResponseHead | undefined {
  const lineEnd = head.indexOf('\r\n')
  const line = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: |$)/.exec(head.slice(0, lineEnd))
  if (line === null) return undefined
  const minor = line[1] === '1' ? 1 : 0
  const fields = parseFields(head, lineEnd + 2)
  if (fields === undefined) return undefined
  const declared = declaredFraming(fields, minor)
  if (declared === undefined) return undefined
  const connection = listOf(fields, 'connection')
  const keepAlive = minor === 1 && !connection.includes('close')
  return { minor, status: Number(line[2]), fields, connection, declared, keepAlive }
}

/** The body that follows a final response head to a request of this method. */
export function responseFraming(method: string, head: ResponseHead): Framing {
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return { kind: 'none' }
  if (head.declared.kind !== 'none') return head.declared
  return { kind: 'close' }
}
