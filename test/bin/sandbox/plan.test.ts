import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readPlan } from '../../../bin/sandbox/plan.ts'
import { checkSettings } from '../../../sandbox-policy/gateway/check-settings.ts'

const plan = (resolve: readonly string[]) => readPlan({ resolve }, { command: ['true'], cwd: '/' })

test.each([
  ['a.test=192.0.2.1,192.0.2.2', { 'a.test': ['192.0.2.1', '192.0.2.2'] }],
  ['A.Test.=2001:db8::1', { 'a.test': ['2001:db8::1'] }],
  ['a.test=[2001:db8::1],192.0.2.1', { 'a.test': ['2001:db8::1', '192.0.2.1'] }],
  ['a.test=::ffff:10.0.0.1', { 'a.test': ['::ffff:10.0.0.1'] }],
  ['a.test=64:ff9b::a00:1', { 'a.test': ['64:ff9b::a00:1'] }],
])('--resolve %s is taken, and the gateway takes it too', async (word, expected) => {
  const { staticHosts } = await plan([word])
  expect(staticHosts).toEqual(expected)
  const settings = { forbidden: [], hostAddresses: [], upstreamCas: [], redactQueries: false, staticHosts }
  expect(() => checkSettings(settings)).not.toThrow()
})

test.each([
  'a.test',
  'a.test=',
  'a.test=x',
  'a.test=1.2.3.4,',
  'a.test=[1.2.3.4]',
  'a.test=fe80::1%eth0',
  '*.a.test=::1',
])('--resolve %s is wrong use', async (word) => {
  await expect(plan([word])).rejects.toMatchObject({ code: 'usage' })
})

test('--upstream-ca with a certificate that cannot be read is wrong use', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-plan-'))
  try {
    const file = join(folder, 'ca.pem')
    await writeFile(file, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    const reading = readPlan({ 'upstream-ca': [file] }, { command: ['true'], cwd: '/' })
    await expect(reading).rejects.toMatchObject({ code: 'usage' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
