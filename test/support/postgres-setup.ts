import { randomBytes } from 'node:crypto'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'
import postgres from 'postgres'
import { migrateDatabase } from '../../domain/db.ts'

const run = promisify(execFile)
const docker = async (...args: string[]) => (await run('docker', args)).stdout.trim()

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
  }
}

/**
 * Starts one PostgreSQL for the whole test run, with a migrated template database. The container is removed at the
 * end, and ends by itself when the run was killed, since its volume is anonymous and its lifetime bounded.
 */
export default async function setup(project: TestProject) {
  const { stdout } = await run(process.execPath, ['scripts/image.mjs', 'tag', 'postgres'])
  const password = randomBytes(16).toString('hex')
  const container = await docker(
    ...['run', '-d', '--rm', '--label', 'drydock.kind=test-postgres', '-p', '127.0.0.1::5432', '--shm-size', '256m'],
    ...['-e', `POSTGRES_PASSWORD=${password}`, '-e', 'PG_LISTEN=*', '--tmpfs', '/var/lib/postgresql'],
    ...['-e', 'PG_EXTRA=-c fsync=off -c max_connections=400', stdout.trim()],
  )
  const port = (await docker('port', container, '5432/tcp')).split('\n')[0]?.split(':').at(-1)
  const server = `postgres://drydock:${password}@127.0.0.1:${port}`
  await untilReady(`${server}/drydock`)
  await makeTemplate(server)
  project.provide('postgresUrl', server)
  return async () => {
    await docker('rm', '-f', '-v', container)
  }
}

async function makeTemplate(server: string) {
  const admin = postgres(`${server}/drydock`, { max: 1, onnotice: () => undefined })
  await admin`create database template_test`
  await migrateDatabase({ kind: 'url', url: `${server}/template_test` }, 'migrations')
  await admin.end()
}

/** The engine says "running" before PostgreSQL listens; only a query tells. */
async function untilReady(url: string) {
  for (let tries = 0; ; tries++) {
    const client = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => undefined })
    try {
      await client`select 1`
      return
    } catch (error) {
      if (tries > 900) throw error
      await delay(100)
    } finally {
      await client.end({ timeout: 1 })
    }
  }
}
