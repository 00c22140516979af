import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { hostCertificates } from '../../../bin/host-certificates.ts'
import { readPlan } from '../../../bin/sandbox/plan.ts'
import { checkSettings } from '../../../sandbox-policy/gateway/check-settings.ts'

const makeCa = () =>
  promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-keyout', '/dev/null', '-subj', '/CN=Own CA'],
  ])

async function folder(): Promise<AsyncDisposable & { file: (content: string) => Promise<string> }> {
  const path = await mkdtemp(join(tmpdir(), 'drydock-plan-'))
  return {
    file: async (content) => {
      await writeFile(join(path, 'ca.pem'), content)
      return join(path, 'ca.pem')
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  }
}

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

test('--upstream-ca takes a whole bundle: the gateway is given what is not a public authority', async () => {
  await using place = await folder()
  const { stdout: own } = await makeCa()
  const file = await place.file(`# a bundle\n${rootCertificates.join('\n')}\n${own}`)
  const { upstreamCas } = await readPlan({ 'upstream-ca': [file] }, { command: ['true'], cwd: '/' })
  expect(upstreamCas.filter((pem) => own.includes(pem))).toHaveLength(1)
  expect(upstreamCas.every((pem) => pem.length < 65_536 && !rootCertificates.includes(pem))).toBe(true)
})

test('hostCertificates() gives the own ones of the first bundle that is there, and passes over what nobody can read', async () => {
  await using place = await folder()
  const { stdout: own } = await makeCa()
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  const file = await place.file(`${rootCertificates[0] ?? ''}\n${broken}${own}`)
  expect(await hostCertificates(['/no/such/file', file])).toEqual([own.trim()])
  expect(await hostCertificates(['/no/such/file'])).toEqual([])
})

test('--upstream-ca with a certificate that cannot be read is wrong use', async () => {
  await using place = await folder()
  const file = await place.file('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  const reading = readPlan({ 'upstream-ca': [file] }, { command: ['true'], cwd: '/' })
  await expect(reading).rejects.toMatchObject({ code: 'usage' })
})
