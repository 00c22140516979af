import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { SCOPES } from '../../../../domain/access/principal.ts'
import { createToken } from '../../../../domain/access/tokens.ts'
import { SERVER } from '../../../../domain/audit/actions.ts'
import { exportPerson } from '../../../../domain/people/export-person.ts'
import { linkForgeLogin } from '../../../../domain/people/forge-logins.ts'
import type { PersonRecord } from '../../../../domain/people/export-person.ts'
import { events } from '../../../../domain/schema.ts'
import { ledger } from '../../../../domain/schema/ledger.ts'
import { modelUsage } from '../../../../domain/schema/usage.ts'
import { WRITTEN, ledgerRow, seedContent } from '../../../support/content.ts'
import { testDatabase } from '../../../support/database.ts'
import { seedUser } from '../../../support/seed.ts'

test('exportPerson() has everything about one person and nothing of another, and no secret', async () => {
  await using database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db, { email: 'ada@example.test' })
  const { taskId, attemptId } = await seedContent(db, { userId })
  const other = await seedContent(db)
  const { token, view } = await createToken(db, { by: SERVER, userId, name: 'laptop', scopes: SCOPES })
  const many = Array.from({ length: 1100 }, (_, i) => i + 3)
  const event = {
    taskId,
    attemptId,
    phase: 'agent',
    kind: 'message',
    payload: { text: randomBytes(3).toString('hex') },
  }
  await db.insert(events).values(many.map((seq) => ({ ...event, seq })))
  await db.insert(ledger).values(many.map((seq) => ledgerRow({ sandbox: attemptId, seq, attemptId })))
  const use = { sandbox: 's', seq: 1, at: new Date(), userId, product: 'local', inputTokens: 3, outputTokens: 4 }
  await db.insert(modelUsage).values({ ...use, verdict: 'allow' })

  await linkForgeLogin(db, { by: { userId, name: 'Ada' }, host: 'github.test', account: { login: 'ada', id: 7 } })

  const records: PersonRecord[] = []
  for await (const record of exportPerson(db, userId)) records.push(record)
  const counts: Record<string, number> = {}
  for (const { type } of records) counts[type] = (counts[type] ?? 0) + 1
  expect(counts).toEqual({
    ...{ person: 1, token: 1, 'forge-login': 1, task: 1, diff: 2, 'starting-diff': 1, image: 1, 'agent-session': 1 },
    ...{ event: 1102, request: 1101, usage: 1 },
  })
  const text = JSON.stringify(records)
  expect(records.find(({ type }) => type === 'task')).toMatchObject({ turns: [{ prompt: `Find the ${WRITTEN}` }] })
  expect(records.find(({ type }) => type === 'token')).toMatchObject({ id: view.id, name: 'laptop' })
  expect(text).not.toContain(token)
  expect(text).not.toContain(other.taskId)
  expect(text).not.toContain('sealed')
})

test('exportPerson() rejects for who is not there', async () => {
  await using database = await testDatabase()
  await expect(exportPerson(database.db, 'nobody').next()).rejects.toMatchObject({ code: 'user-not-found' })
})
