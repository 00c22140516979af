import { execFile } from 'node:child_process'
import { createHash, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { buffer } from 'node:stream/consumers'

const run = promisify(execFile)

export type Upstream = AsyncDisposable & { address: string; ca: string; seen: string[] }

/** Servers on ports 80 and 443 of an address of their own on this host, which needs root: sandboxes reach it by the gateway only. */
export async function startUpstream(names: readonly string[], answer: RequestListener): Promise<Upstream> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-upstream-'))
  const address = `198.51.100.${randomInt(1, 255)}`
  await run('ip', ['address', 'add', `${address}/32`, 'dev', 'lo'])
  const seen: string[] = []
  const listener: RequestListener = (request, response) => {
    seen.push(`${request.method} ${request.headers.host}${request.url}`)
    answer(request, response)
  }
  const { ca, key, cert } = await certificates(folder, names)
  const servers: Server[] = [createHttp(listener), createHttps({ key, cert }, listener)]
  await listen(servers[0], { host: address, port: 80 })
  await listen(servers[1], { host: address, port: 443 })
  return {
    ...{ address, ca, seen },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
      await run('ip', ['address', 'del', `${address}/32`, 'dev', 'lo'])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function listen(server: Server | undefined, where: { host: string; port: number }): Promise<void> {
  server?.listen(where)
  if (server !== undefined) await once(server, 'listening')
}

async function certificates(folder: string, names: readonly string[]) {
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Upstream CA', '-days', '2')
  await openssl('req', ...key, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=upstream')
  await writeFile(at('ext'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`)
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext']
  await openssl('x509', '-req', '-in', 'leaf.csr', '-out', 'leaf.pem', ...signing)
  const read = (name: string) => readFile(at(name), 'utf8')
  return { ca: await read('ca.pem'), key: await read('leaf.key'), cert: await read('leaf.pem') }
}

/** A package as a registry serves it: its description, and the archive. */
export async function npmPackage(origin: string): Promise<{ metadata: string; archive: Buffer }> {
  const archive = pack()
  const manifest = JSON.stringify({ name: 'hello', version: '1.0.0', main: 'index.js' })
  archive.entry({ name: 'package/package.json' }, manifest)
  archive.entry({ name: 'package/index.js' }, "module.exports = 'hello from the registry'\n")
  archive.finalize()
  const bytes = gzipSync(await buffer(archive))
  const dist = {
    tarball: `${origin}/hello/-/hello-1.0.0.tgz`,
    shasum: createHash('sha1').update(bytes).digest('hex'),
    integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
  }
  const version = { name: 'hello', version: '1.0.0', main: 'index.js', dist }
  const metadata = { name: 'hello', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }
  return { metadata: JSON.stringify(metadata), archive: bytes }
}
