import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSettings } from '../../../domain/settings/settings.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'
import { temporaryFolder } from '../../support/git-fixture.ts'

let api: TestApi
let call: Call
let ca = ''
let leaf = ''
let key = ''
beforeAll(async () => {
  api = await testApi()
  call = (await api.person()).call
  using folder = temporaryFolder()
  const make = (name: string, isCa: boolean) => {
    const [keyFile, file] = [join(folder.path, `${name}.key`), join(folder.path, `${name}.pem`)]
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', `/CN=${name}`]
    const constraint = `basicConstraints=critical,CA:${isCa ? 'TRUE' : 'FALSE'}`
    execFileSync(
      'openssl',
      ['req', '-x509', '-nodes', ...kind, '-addext', constraint, '-keyout', keyFile, '-out', file],
      { stdio: 'ignore' },
    )
    return { pem: readFileSync(file, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }
  const made = make('ca', true)
  ;[ca, key] = [made.pem, made.key]
  leaf = make('leaf', false).pem
})
afterAll(() => api[Symbol.asyncDispose]())

test('PATCH /settings keeps what the network of all sandboxes is bound by', async () => {
  const change = {
    networkCeiling: { preset: 'common', allow: [{ host: 'a.test' }] },
    networkDeny: [{ host: '**.bad.test' }],
    memberInternet: true,
    redactQueries: true,
    upstreamCas: [ca],
    upstreamProxy: 'http://proxy.corp.test:3128',
    staticHosts: { 'db.corp.test': ['10.1.2.3', 'fd00::1'] },
  }
  const { status, json } = await call('PATCH', '/settings', change)
  expect(status).toBe(200)
  expect(json).toMatchObject(change)
  expect(await readSettings(api.database.db)).toMatchObject(change)
  const off = await call('PATCH', '/settings', { networkCeiling: null, upstreamProxy: null })
  expect(off.json).toMatchObject({ networkCeiling: null, upstreamProxy: null, memberInternet: true })
})

test.each([
  ['a ceiling with an unknown key', { networkCeiling: { alow: [] } }],
  ['a ceiling that no host can match', { networkCeiling: { allow: [{ host: '' }] } }],
  ['a deny rule with a credential', { networkDeny: [{ host: 'a.test', credential: 'x' }] }],
  ['a deny rule without a host', { networkDeny: [{}] }],
  ['text as a switch', { memberInternet: 'yes' }],
  ['a proxy with a user', { upstreamProxy: 'http://user:pw@proxy.test:3128' }],
  ['a proxy without a port', { upstreamProxy: 'http://proxy.test' }],
  ['a proxy with a path', { upstreamProxy: 'http://proxy.test:3128/x' }],
  ['a proxy with port 0', { upstreamProxy: 'http://proxy.test:0' }],
  ['a proxy on port 99999', { upstreamProxy: 'http://proxy.test:99999' }],
  ['a static name in capitals', { staticHosts: { 'A.test': ['10.0.0.1'] } }],
  ['an address as a name', { staticHosts: { '10.0.0.1': ['10.0.0.1'] } }],
  ['a name as an address', { staticHosts: { 'a.test': ['b.test'] } }],
  ['an address with a zone', { staticHosts: { 'a.test': ['fe80::1%eth0'] } }],
  ['a static name without addresses', { staticHosts: { 'a.test': [] } }],
  ['text as a CA', { upstreamCas: ['hello'] }],
  ['a broken certificate', { upstreamCas: ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'] }],
])('PATCH /settings refuses %s', async (_, body) => {
  expect((await call('PATCH', '/settings', body)).status).toBe(422)
})

test('PATCH /settings takes one certificate of a CA at a time, and never a private key', async () => {
  for (const pem of [leaf, key, `${ca}${key}`, `${ca}${ca}`]) {
    const { status, text } = await call('PATCH', '/settings', { upstreamCas: [pem] })
    expect(status).toBe(422)
    expect(text).not.toContain('PRIVATE')
  }
})
