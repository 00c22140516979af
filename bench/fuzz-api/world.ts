import { randomBytes } from 'node:crypto'
import { startApi } from '../../api/main.ts'
import { createToken, ensureAdminToken } from '../../domain/access/tokens.ts'
import { SERVER } from '../../domain/audit/actions.ts'
import { openDatabase } from '../../domain/db.ts'
import type { DatabaseAddress } from '../../domain/db.ts'
import { hasCode } from '../../domain/errors.ts'
import { parseKeyring } from '../../domain/secrets/keyring.ts'
import { jsonClient } from '../support/json-client.ts'
import { operationsOf } from './document.ts'
import type { OpenApi, Operation } from './document.ts'

/** What answers say of parts that this world does not have: a runner, a gateway. */
export const ABSENT = ['runner-unavailable', 'gateway-unavailable'] as const
const MEMBER = 'fuzz-member'

export type FuzzWorld = AsyncDisposable & {
  url: string
  document: OpenApi
  operations: readonly Operation[]
  /** Of an owner, a member, and of nobody. */
  tokens: readonly string[]
  /** What the server logged as its own fault, since the last look. */
  takeErrors: () => string[]
}

/** A server in this process on a database of its own, with a few things to find. */
export async function startFuzzWorld(address: DatabaseAddress): Promise<FuzzWorld> {
  const database = openDatabase(address)
  const errors: string[] = []
  const error = (fields: { err?: unknown }, message: string) => {
    const { err } = fields
    if (hasCode(err, ...ABSENT)) return
    errors.push(`${message}: ${err instanceof Error ? (err.stack ?? err.message) : JSON.stringify(fields)}`)
  }
  const logger = { debug: () => undefined, info: () => undefined, error }
  const keyring = parseKeyring([randomBytes(32).toString('base64')])
  // Some tokens are of the same account, so that one is taken, too.
  const accountOf = async (token: string) => ({ login: 'fuzz', id: token.length })
  const forge = { host: 'github.test', accountOf, pushRight: undefined }
  const options = { database, keyring, host: '127.0.0.1', port: 0, checkAddress: async () => {}, version: 'fuzz' }
  const api = await startApi({ ...options, forge, logger, inspectionWaitMs: 200 }, new AbortController().signal)
  await database.client`insert into users (id, name, email, role) values (${MEMBER}, 'fuzz', 'fuzz@example.test', 'member')`
  const owner = await ensureAdminToken(database.db)
  const member = await createToken(database.db, { by: SERVER, userId: MEMBER, name: 'fuzz', scopes: ['read', 'write'] })
  const client = jsonClient(api.url, owner)
  await fill(client)
  const document = await client.json<OpenApi>('GET', '/openapi.json')
  client.close()
  return {
    ...{ url: api.url, document, operations: operationsOf(document) },
    tokens: [owner, member.token, 'dd_nobody'],
    takeErrors: () => errors.splice(0),
    async [Symbol.asyncDispose]() {
      await api.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function fill(client: ReturnType<typeof jsonClient>): Promise<void> {
  const environment = { name: 'fuzz', repository: '/srv/fuzz', image: 'base' }
  await client.json('POST', '/environments', environment)
  await client.json('POST', '/tasks', { environment: 'fuzz', mode: 'code', prompt: 'x', agent: 'command' })
}
