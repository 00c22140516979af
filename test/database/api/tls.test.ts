import { rename, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '../../../api/main.ts'
import { makeCertificates } from '../../docker/corpus/certificates.ts'
import type { Certificates, KeyPair } from '../../docker/corpus/certificates.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { temporaryFolder } from '../../support/git-fixture.ts'

let database: TestDatabase
let first: Certificates
let second: Certificates
beforeAll(async () => {
  database = await testDatabase()
  first = await makeCertificates(['localhost'])
  second = await makeCertificates(['localhost'])
})
afterAll(() => database[Symbol.asyncDispose]())

async function filesIn(folder: string, { cert, key }: KeyPair) {
  const files = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
  await replace(files.certificate, cert)
  await replace(files.key, key)
  return files
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
}

async function start(tls: { certificate: string; key: string }) {
  const said: string[] = []
  const log = (_: unknown, message: string) => void said.push(message)
  const logger = { debug: log, info: log, error: log }
  const options = { database, host: '127.0.0.1', port: 0, checkAddress: async () => {}, logger, version: 'test' }
  const api = await startApi({ ...options, tls, tlsPollMs: 20 }, new AbortController().signal)
  return { api, said }
}

const statusOf = (port: number, ca: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/healthz', ca, servername: 'localhost', agent: false }
    request(options, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })

const protocolOf = (port: number, maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
  new Promise<string | null>((resolve, reject) => {
    // Node's own client refuses old versions too, unless it is told that any cipher will do.
    const old = { minVersion: 'TLSv1' as const, maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' }
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...old }, () => {
      resolve(socket.getProtocol())
      socket.destroy()
    })
    socket.on('error', reject)
  })

test('startApi() serves TLS 1.2 and later from its files, and nothing without TLS', async () => {
  using folder = temporaryFolder()
  const { api } = await start(await filesIn(folder.path, first.good))
  expect(api.url).toBe(`https://127.0.0.1:${api.port}`)
  expect(await statusOf(api.port, first.ca)).toBe(200)
  await expect(statusOf(api.port, second.ca)).rejects.toThrow(/certificate/)
  expect(await protocolOf(api.port, 'TLSv1.2')).toBe('TLSv1.2')
  expect(await protocolOf(api.port, 'TLSv1.3')).toBe('TLSv1.3')
  await expect(protocolOf(api.port, 'TLSv1.1')).rejects.toThrow()
  await expect(fetch(`http://127.0.0.1:${api.port}/healthz`)).rejects.toThrow()
  await api.close()
})

test('a renewed certificate is served without a restart; one that cannot be served changes nothing', async () => {
  using folder = temporaryFolder()
  const files = await filesIn(folder.path, first.good)
  const { api, said } = await start(files)
  await replace(files.certificate, 'half of a file')
  await expect.poll(() => said).toContain('TLS: the old certificate stays in use')
  expect(await statusOf(api.port, first.ca)).toBe(200)
  await filesIn(folder.path, second.good)
  await expect.poll(() => said).toContain('TLS: new certificate')
  expect(await statusOf(api.port, second.ca)).toBe(200)
  await expect(statusOf(api.port, first.ca)).rejects.toThrow(/certificate/)
  await api.close()
})

test.each<[string, (pairs: Certificates) => KeyPair, RegExp]>([
  ['another key', ({ good, otherName }) => ({ ...good, key: otherName.key }), /is not the key of/],
  ['an ended certificate', ({ expired }) => expired, /ended on/],
  ['a key in place of the certificate', ({ good }) => ({ ...good, cert: good.key }), /not PEM of the right kind/],
  ['no key at all', ({ good }) => ({ ...good, key: '' }), /not PEM of the right kind/],
])('startApi() refuses %s and says which file it is', async (_, spoil, why) => {
  using folder = temporaryFolder()
  const refused = start(await filesIn(folder.path, spoil(first)))
  await expect(refused).rejects.toMatchObject({
    code: 'config-invalid',
    message: expect.stringMatching(why) as unknown,
  })
  await expect(refused).rejects.not.toThrow(/BEGIN/)
})
