import { expect, test } from 'vitest'
import type { AuditVerdictJson } from '../../api/schemas/audit.ts'
import { exportAudit } from '../../cli/commands/audit/export.ts'
import { verifyAudit } from '../../cli/commands/audit/verify.ts'
import { fakeWorld, json } from './fakes.ts'

const HASH = 'a'.repeat(64)
const verdict = (over: Partial<AuditVerdictJson>): AuditVerdictJson => ({
  ...{ done: true, checked: 2, last: { seq: 2, hash: HASH }, anchor: { seq: 0, hash: HASH }, broken: null },
  ...over,
})

test('audit verify asks on until the end, and prints what to keep elsewhere', async () => {
  const world = fakeWorld({
    'GET /audit/verify': json(verdict({ done: false })),
    [`GET /audit/verify?from=2%3A${HASH}`]: json(verdict({ checked: 1, last: { seq: 3, hash: HASH } })),
  })
  expect(await verifyAudit.run([], world.context)).toBe(0)
  expect(world.out()).toBe(`3:${HASH}\n`)
  expect(world.err()).toContain('The chain holds: 3 entries.')
})

test('audit verify exits with 1 where the chain is broken, and says where and why', async () => {
  const broken = verdict({ broken: { seq: 3, why: 'changed' } })
  const [people, program] = [broken, broken].map((each) => fakeWorld({ 'GET /audit/verify': json(each) }))
  expect(await verifyAudit.run([], people?.context ?? expect.unreachable())).toBe(1)
  expect(people?.err()).toContain('broken at entry 3: it is not what its hash says')
  expect(people?.out()).toBe('')
  expect(await verifyAudit.run(['--json'], program?.context ?? expect.unreachable())).toBe(1)
  expect(JSON.parse(program?.out() ?? '')).toMatchObject({ ok: false, broken: { seq: 3, why: 'changed' }, checked: 2 })
})

test('audit export prints the lines as they come, and what a terminal could obey as text', async () => {
  const lines = '{"seq":1,"targetName":"\u202eevil"}\n{"seq":2}\n'
  const world = fakeWorld({ 'GET /audit/export?actor=u1': () => new Response(lines) })
  expect(await exportAudit.run(['--actor', 'u1'], world.context)).toBe(0)
  expect(world.out().split('\n')).toHaveLength(3)
  expect(world.out()).not.toContain('\u202e')
  expect(JSON.parse(world.out().split('\n')[0] ?? '')).toEqual({ seq: 1, targetName: '\u202eevil' })
})
