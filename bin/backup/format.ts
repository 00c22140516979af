// A backup is one file of lines. The first is a manifest; then comes, for each table, a line of JSON that names it and its
// columns, its rows as COPY writes them, and a line `\.`, which no row is; the last line has the SHA-256 of all before it.

import { z } from 'zod'
import { DrydockError } from '../../domain/errors.ts'

export const END_OF_ROWS = '\\.'

export const Manifest = z.object({
  drydockBackup: z.literal(1),
  at: z.iso.datetime(),
  /** The last migration of the database. */
  migration: z.string(),
  /** Who the installation is: labels, and the host that ran its attempts, are known by it. */
  installation: z.string().regex(/^[0-9a-f]{12}$/),
  /** A text that opens with the master key of the database alone. */
  canary: z.base64(),
})
export type Manifest = z.infer<typeof Manifest>

export const TableHead = z.object({ table: z.string(), columns: z.array(z.string()) })
export const End = z.object({ end: z.literal(true), rows: z.int(), sha256: z.string() })

/** Reads a line of JSON of the form. */
export function parseLine<T>(schema: z.ZodType<T>, line: Buffer | undefined): T {
  try {
    return schema.parse(JSON.parse(line?.toString('utf8') ?? ''))
  } catch (error) {
    throw broken('a line of it is not what it should be', error)
  }
}

export const broken = (why: string, cause?: unknown) =>
  new DrydockError('invalid-request', `Cannot restore: this is no whole backup of Drydock: ${why}`, { cause })

const NEW_LINE = 0x0a

/** The lines of a stream, each without its end. Rows have bytes in them that other readers take for ends of lines. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let rest: Buffer[] = []
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(NEW_LINE); at >= 0; at = chunk.indexOf(NEW_LINE, from)) {
      yield Buffer.concat([...rest, chunk.subarray(from, at)])
      rest = []
      from = at + 1
    }
    if (from < chunk.length) rest.push(chunk.subarray(from))
  }
  if (rest.length > 0) yield Buffer.concat(rest)
}
