import { createHash, X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sandboxFiles } from '../../../runner/network/trust.ts'
import { trustStore } from '../../../runner/network/jks.ts'

const [first = '', second = ''] = rootCertificates
let root = ''
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'drydock-trust-'))))
afterAll(() => rm(root, { recursive: true, force: true }))

const files = (health: { caPem: string; nextCaPem?: string }) =>
  sandboxFiles(root, { health, gateway: '10.213.0.6', ownerCas: [] })

test('sandboxFiles() makes one folder for the same certificates, whatever the umask, and another for others', async () => {
  const umask = process.umask(0o077)
  const one = await files({ caPem: first })
  process.umask(umask)
  const again = await files({ caPem: first })
  const other = await files({ caPem: first, nextCaPem: second })
  expect(again.mounts[0]).toEqual(one.mounts[0])
  expect(other.mounts[0]).not.toEqual(one.mounts[0])
  for (const { host } of one.mounts) expect((await stat(host)).mode & 0o004).toBe(0o004)
  const own = await readFile(join(other.mounts[0]?.host ?? '', 'gateway-ca.pem'), 'utf8')
  expect(own.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  const leftovers = (await readdir(root)).filter((name) => /^[0-9a-f]{16}\./.test(name))
  expect(leftovers).toEqual([])
})

test('sandboxFiles() has the public authorities besides the own one, and names the gateway everywhere', async () => {
  const { env, mounts } = await files({ caPem: first })
  const bundle = await readFile(join(mounts[0]?.host ?? '', 'ca-bundle.pem'), 'utf8')
  expect(bundle.match(/BEGIN CERTIFICATE/g)).toHaveLength(rootCertificates.length + 1)
  expect(env).toMatchObject({
    DRYDOCK_GATEWAY: '10.213.0.6',
    https_proxy: 'http://10.213.0.6:3128',
    NODE_USE_ENV_PROXY: '1',
  })
  const resolver = mounts.find(({ target }) => target === '/etc/resolv.conf')
  expect(await readFile(resolver?.host ?? '', 'utf8')).toMatch(/^nameserver 10\.213\.0\.6$/m)
})

test('sandboxFiles() says where services are, and keeps clients from asking the gateway for them', async () => {
  const services = [
    { name: 'my-db', address: '10.213.0.3', port: 5432 },
    { name: 'queue', address: '10.213.0.4' },
  ]
  const { env } = await sandboxFiles(root, { health: { caPem: first }, gateway: '10.213.0.6', ownerCas: [], services })
  const direct = 'localhost,127.0.0.1,::1,my-db,10.213.0.3,queue,10.213.0.4'
  expect(env).toMatchObject({
    MY_DB_HOST: 'my-db',
    MY_DB_PORT: '5432',
    QUEUE_HOST: 'queue',
    NO_PROXY: direct,
    no_proxy: direct,
  })
  expect(env).not.toHaveProperty('QUEUE_PORT')
  expect(env['JAVA_TOOL_OPTIONS']).toContain('|my-db|10.213.0.3|queue|')
})

test('trustStore() is a Java key store: magic, version, certificates, seal', () => {
  const certificate = new X509Certificate(first).raw
  const store = trustStore([certificate, certificate], new Date(1))
  expect(store.subarray(0, 12).toString('hex')).toBe('feedfeed0000000200000002')
  const sealed = createHash('sha1')
  for (const letter of 'changeit') sealed.update(Buffer.from([0, letter.charCodeAt(0)]))
  sealed.update('Mighty Aphrodite').update(store.subarray(0, -20))
  expect(store.subarray(-20).toString('hex')).toBe(sealed.digest('hex'))
  expect(store.indexOf(certificate)).toBeGreaterThan(0)
})
