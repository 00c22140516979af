import { availableParallelism } from 'node:os'
import { drizzle } from 'drizzle-orm/postgres-js'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { migrate } from './migrate.ts'
import * as schema from './schema.ts'

export type Schema = typeof schema
export type Db = PostgresJsDatabase<Schema>
/** What a query needs: the pool, or a transaction of it. */
export type Executor = Pick<Db, 'select' | 'insert' | 'update' | 'delete' | 'execute'>
/** The driver's own client, for LISTEN. */
export type SqlClient = postgres.Sql

/** Where the database is: a URL, or the folder of a unix socket with a password. */
export type DatabaseAddress =
  { kind: 'url'; url: string } | { kind: 'socket'; folder: string; user: string; password: string; database: string }

export type Database = AsyncDisposable & { db: Db; client: SqlClient }

/** The database is often on this machine: more of its processes than these take turns on the processors, and wake each other. */
const CONNECTIONS = Math.min(10, 2 * availableParallelism() + 2)
/**
 * A connection keeps what a statement was thought to cost when it was new: one that was opened before the tables were first
 * analyzed plans the large statements at every use from then on, which takes five times as long as carrying them out.
 */
const LIFETIME_SECONDS = 5 * 60

/** Opens a pool. Connects on first use; a lost connection is opened again by the next query. */
export function openDatabase(address: DatabaseAddress, options: { max?: number } = {}): Database {
  // Short statements only: compiling one takes many times longer than running it.
  const common = {
    max: options.max ?? CONNECTIONS,
    onnotice: () => undefined,
    connect_timeout: 10,
    max_lifetime: LIFETIME_SECONDS,
    backoff: reconnectDelay,
    connection: { jit: false },
  }
  const client =
    address.kind === 'url'
      ? postgres(address.url, common)
      : postgres({
          ...common,
          path: `${address.folder}/.s.PGSQL.5432`,
          user: address.user,
          password: address.password,
          database: address.database,
        })
  prepareAll(client)
  return {
    db: drizzle(client, { schema }),
    client,
    async [Symbol.asyncDispose]() {
      await client.end({ timeout: 2 })
    },
  }
}

/** Seconds. The driver's own pauses grow to 20 s: too long for work that holds a lease of 30. */
const reconnectDelay = (attempt: number) => Math.min(0.05 * 2 ** attempt, 1)

/**
 * Lets the driver keep drizzle's statements as prepared ones, in transactions too. drizzle asks for the opposite, and then
 * parsing and planning cost a claim more than carrying it out, and a statement goes to the database twice: once for the
 * types of its parameters.
 */
function prepareAll(client: SqlClient): void {
  prepareOn(client)
  const begin = client.begin.bind(client) as Begin
  const beginPrepared: Begin = (...args) => {
    const [options, work] = args.length === 1 ? ['', args[0]] : args
    return begin(options, (tx) => work(prepareOn(tx)))
  }
  client.begin = beginPrepared as SqlClient['begin']
}

type Work = (tx: postgres.TransactionSql) => unknown
type Begin = (...args: [Work] | [string, Work]) => Promise<unknown>

function prepareOn<C extends Pick<SqlClient, 'unsafe'>>(client: C): C {
  const unsafe = client.unsafe.bind(client)
  client.unsafe = (query, parameters = [], options = {}) => unsafe(query, parameters, { ...options, prepare: true })
  return client
}

/** Brings the schema up to date. Servers that start at the same time take turns. */
export async function migrateDatabase(address: DatabaseAddress, folder: string): Promise<void> {
  await using database = openDatabase(address, { max: 1 })
  await migrate(database, folder)
}
