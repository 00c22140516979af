import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SandboxNetwork } from '../../../runner/network/network.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { sh } from '../sandbox/harness.ts'
import { NEVER, grant, owner, sandboxOn, useNetworks } from './harness.ts'
import { npmPackage, startUpstream, type Upstream } from './upstream.ts'

const run = promisify(execFile)
const NAMES = ['allowed.test', 'denied.test']
const HELLO = 'hello from upstream\n'

/** The same programs, told by variables where the proxy and the certificates are, or knowing nothing. */
const WAYS = {
  'with the variables': '',
  'without a proxy variable': 'unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy NODE_USE_ENV_PROXY;',
  'without any certificate variable':
    'unset SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE GIT_SSL_CAINFO PIP_CERT CARGO_HTTP_CAINFO AWS_CA_BUNDLE;',
} as const

const URL = 'https://allowed.test'
const CLIENTS = {
  curl: `curl -fsS ${URL}/hello`,
  'curl over http': 'curl -fsS http://allowed.test/hello',
  wget: `wget -qO- ${URL}/hello`,
  'python urllib': `python3 -c 'import urllib.request as u; print(u.urlopen("${URL}/hello").read().decode(), end="")'`,
  'node fetch': `node -e 'fetch("${URL}/hello").then(async (r) => process.stdout.write(await r.text()))'`,
  'node https': `node -e 'require("node:https").get("${URL}/hello", (r) => r.pipe(process.stdout))'`,
  openssl: `printf 'GET /hello HTTP/1.0\\r\\nHost: allowed.test\\r\\n\\r\\n' | openssl s_client -quiet -verify_return_error -connect allowed.test:443 -servername allowed.test 2>/dev/null`,
  git: `git clone -q ${URL}/repo.git r && cat r/hello`,
  npm: `npm --registry ${URL} --cache /tmp/npm-$$ install --no-audit --no-fund hello >/dev/null && node -p 'require("hello")'`,
  pnpm: `pnpm --registry ${URL} --store-dir /tmp/pnpm-$$ add hello >/dev/null && node -p 'require("hello")'`,
  yarn: `yarn --registry ${URL} --cache-folder /tmp/yarn-$$ --silent add hello >/dev/null && node -p 'require("hello")'`,
  // The archive is none of Python's: that pip says so shows that it has it.
  pip: `python3 -m pip download --no-deps --index-url ${URL}/simple hello 2>&1 | grep -o 'hello.*not appear to be a Python project'`,
} as const

describe.skipIf(process.getuid?.() !== 0)('real clients', () => {
  let upstream: Upstream
  let folder = ''
  let network: SandboxNetwork
  let sandbox: Sandbox
  let files: Record<string, Buffer | string> = {}
  const world = useNetworks({ options: () => ({ staticHosts: hostsOf(upstream), upstreamCas: [upstream.ca] }) })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drydock-clients-'))
    files = await contents(folder)
    upstream = await startUpstream(NAMES, serve(files, folder))
    network = await world.networks.take(owner, NEVER)
    await network.permit(grant(['allowed.test']))
    const { stdout } = await run(process.execPath, ['scripts/image.mjs', 'tag', 'universal'])
    sandbox = await sandboxOn(world, network, stdout.trim())
  })
  afterAll(async () => {
    await sandbox.destroy()
    await network.close()
    await upstream[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  describe.each(Object.entries(WAYS))('%s', (_, prelude) => {
    test.each(Object.entries(CLIENTS))('%s gets what is allowed', async (_, command) => {
      const script = `${prelude} rm -rf /tmp/work && mkdir /tmp/work && cd /tmp/work && echo '{}' > package.json && ${command}`
      const { code, stdout, stderr } = await sh(sandbox, script)
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain('hello')
    })
  })

  test('apt-get fetches over HTTPS as root, and system tools can rewrite the bundle', async () => {
    const list = 'deb [trusted=yes] https://allowed.test/apt ./'
    const { code, stderr } = await sh(
      sandbox,
      `echo '${list}' > /tmp/list && apt-get update -o Dir::Etc::sourcelist=/tmp/list -o Dir::Etc::sourceparts=/dev/null &&
       update-ca-certificates && unset CURL_CA_BUNDLE SSL_CERT_FILE && curl -fsS ${URL}/hello`,
      { user: 'root' },
    )
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(upstream.seen).toContain('GET allowed.test/apt/./Packages')
  })

  test('what is not allowed is on the ledger and not upstream', async () => {
    const { stdout } = await sh(sandbox, 'curl -sk -o /dev/null -w "%{http_connect}" https://denied.test/hello; true')
    expect(stdout).toBe('403')
    expect(upstream.seen.filter((line) => line.includes('denied'))).toEqual([])
  })

  test('every request that upstream saw is on the ledger', async () => {
    await sandbox.destroy()
    await network.close()
    const final = new Map(world.ledger.map((record) => [record.seq, record]))
    const known = [...final.values()].filter(({ layer, verdict }) => layer === 'http' && verdict === 'allow')
    expect(known.length).toBe(upstream.seen.length)
    expect(known.filter(({ status }) => status === null)).toEqual([])
  })
})

const hostsOf = ({ address }: Upstream) => Object.fromEntries(NAMES.map((name) => [name, [address]]))

async function contents(folder: string): Promise<Record<string, Buffer | string>> {
  const git = (...args: string[]) =>
    run('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.test', '-C', folder, ...args])
  await git('init', '-q', '-b', 'main')
  const { writeFile } = await import('node:fs/promises')
  await writeFile(join(folder, 'hello'), HELLO)
  await git('add', 'hello')
  await git('commit', '-q', '-m', 'hello')
  await git('clone', '-q', '--bare', folder, join(folder, 'repo.git'))
  await run('git', ['--git-dir', join(folder, 'repo.git'), 'update-server-info'])
  const { metadata, archive } = await npmPackage(URL)
  const packages = Buffer.from('Package: hello\nVersion: 1\nArchitecture: all\nFilename: ./hello.deb\nSize: 1\n\n')
  const hash = createHash('sha256').update(packages).digest('hex')
  return {
    '/hello': HELLO,
    '/hello-metadata': metadata,
    '/hello/-/hello-1.0.0.tgz': archive,
    '/apt/./Packages': packages,
    '/apt/./Release': `Date: Sun, 22 Nov 2026 00:00:00 UTC\nSHA256:\n ${hash} ${packages.length} Packages\n`,
    '/simple/hello/': `<a href="hello-1.0.0.tar.gz#sha256=${createHash('sha256').update(archive).digest('hex')}">hello-1.0.0.tar.gz</a>`,
    '/simple/hello/hello-1.0.0.tar.gz': archive,
  }
}

/** Plain files; of a repository as a server without git serves it. A registry client asks for JSON. */
function serve(files: Record<string, Buffer | string>, folder: string): RequestListener {
  return (request, response) => {
    const path = request.url?.split('?')[0] ?? ''
    const wantsPackage = path === '/hello' && /json/.test(request.headers.accept ?? '')
    const found = files[wantsPackage ? '/hello-metadata' : path]
    if (found !== undefined) {
      response.writeHead(200, {
        'content-type': wantsPackage ? 'application/json' : path.endsWith('/') ? 'text/html' : 'text/plain',
      })
      return void response.end(found)
    }
    if (!/^\/repo\.git\/[\w./-]+$/.test(path) || path.includes('..')) return void response.writeHead(404).end()
    readFile(join(folder, path)).then(
      (content) => response.end(content),
      () => response.writeHead(404).end(),
    )
  }
}
