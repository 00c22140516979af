import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import postgres from 'postgres'
import { openDatabase } from '../../domain/db.ts'
import type { Database } from '../../domain/db.ts'

const INSUFFICIENT_PRIVILEGE = '42501'

export type TestDatabase = Database & { url: string }

/** A fresh, migrated database, made from the template and dropped on dispose. */
export async function testDatabase(options: { max?: number } = {}): Promise<TestDatabase> {
  const server = inject('postgresUrl')
  const name = `t_${randomBytes(6).toString('hex')}`
  await admin(server, (sql) => sql.unsafe(`create database ${name} template template_test`))
  const url = `${server}/${name}`
  const database = openDatabase({ kind: 'url', url }, options)
  return {
    ...database,
    url,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      await admin(server, (sql) => drop(sql, name))
    },
  }
}

/** A worker that cleans up in it is the superuser's, and no force of ours; without force the server sends it away itself. */
async function drop(sql: postgres.Sql, name: string): Promise<void> {
  try {
    await sql.unsafe(`drop database ${name} with (force)`)
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || error.code !== INSUFFICIENT_PRIVILEGE) throw error
    await sql.unsafe(`drop database ${name}`)
  }
}

async function admin<T>(server: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(`${server}/drydock`, { max: 1, onnotice: () => undefined })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}
