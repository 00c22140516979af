import { eq } from 'drizzle-orm'
import { expect } from 'vitest'
import type { z } from 'zod'
import type { BuiltInRole } from '../../domain/access/permissions.ts'
import type { Scope } from '../../domain/access/principal.ts'
import type { Db } from '../../domain/db.ts'
import { attempts, diffs, events, tasks } from '../../domain/schema.ts'
import { testApi } from './api.ts'
import type { TestApi } from './api.ts'
import * as wire from './codex-wire.ts'
import { seedEnvironment, seedTask } from './seed.ts'

export const PATCH = 'diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+zwölf 🦭\n'
const CLI = 'codex_cli_rs/0.150.0 (Debian 12.0.0; x86_64) unknown (codex_cloud_tasks_exec)'

export type CodexApi = Awaited<ReturnType<typeof codexApi>>

/** The api in memory, asked as the Codex CLI asks it, with the environment "shop". A fault of the server fails the test. */
export async function codexApi() {
  const logged: Record<string, unknown>[] = []
  const error = (fields: Record<string, unknown>) => expect.unreachable(String(fields.err))
  const api = await testApi({ logger: { debug: () => {}, info: (line) => void logged.push(line), error } })
  const { db } = api.database
  const person = (role?: BuiltInRole, scopes?: readonly Scope[]) => codexPerson(api, role, scopes)
  const me = await person()
  const environmentId = await seedEnvironment(db, { name: 'shop' })
  /** What the CLI gets, once it is sure that it can decode it. */
  const decoded = async <T extends z.ZodType>(type: T, path: string, { call } = me): Promise<z.infer<T>> => {
    const response = await call(path)
    expect(response.status).toBe(200)
    return type.parse(await response.json())
  }
  return {
    ...{ api, db, me, person, environmentId, logged, decoded },
    /** A task with an attempt for each of these. */
    async seeded(...left: Left[]) {
      const task = await seedTask(db, { userId: me.userId, environmentId, attempts: left.length })
      for (const [i, each] of left.entries()) await leave(db, task.attemptIds[i] ?? '', each)
      return task
    },
    details: (taskId: string) => decoded(wire.Details, `/api/codex/tasks/${taskId}`),
    siblings: async (taskId: string, turn: string) =>
      (await decoded(wire.Siblings, `/api/codex/tasks/${taskId}/turns/${turn}/sibling_turns`)).sibling_turns,
    /** The error of an answer, once its form is checked. */
    async refused(answer: Response | Promise<Response>) {
      const response = await answer
      expect(response.headers.get('content-type')).toBe('application/json')
      const body = (await response.json()) as { detail: string }
      expect(body).toEqual({ detail: expect.any(String), code: expect.any(String) })
      return { status: response.status, detail: body.detail }
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  }
}

/** Somebody with the Codex CLI: the token begins with "at-". Paths are whole. */
async function codexPerson(api: TestApi, role?: BuiltInRole, scopes?: readonly Scope[]) {
  const { token, userId } = await api.person(role, scopes)
  const call = async (path: string, body?: unknown, userAgent = CLI) =>
    api.app.request(path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token.replace(/^dd_/, 'at-')}`,
        'chatgpt-account-id': 'any',
        'user-agent': userAgent,
        'content-type': 'application/json',
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  return { token, userId, call }
}

/** The state of an attempt, and what it left. */
export type Left = Partial<typeof attempts.$inferInsert> & {
  mode?: 'ask' | 'code'
  title?: string
  patch?: string | Buffer
  said?: string
}

async function leave(db: Db, attemptId: string, { mode, title, patch, said, ...values }: Left): Promise<void> {
  const ofAttempt = { startedAt: new Date(), ...values }
  const [attempt] = await db.update(attempts).set(ofAttempt).where(eq(attempts.id, attemptId)).returning()
  const taskId = attempt?.taskId ?? ''
  if (mode ?? title) {
    const named = { ...(mode && { mode }), ...(title && { title }) }
    await db.update(tasks).set(named).where(eq(tasks.id, taskId))
  }
  if (patch !== undefined) {
    const stats = { files: 2, additions: 3, deletions: 1 }
    await db.insert(diffs).values({ attemptId, patch: Buffer.from(patch), ...stats })
  }
  if (said !== undefined) {
    const event = { taskId, attemptId, seq: 1, phase: 'agent', kind: 'message', payload: { text: said } }
    await db.insert(events).values(event)
  }
}
