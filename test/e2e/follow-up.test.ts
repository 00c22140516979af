import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostAddress } from '../support/host-address.ts'
import { bareRepository, testServer } from '../support/server.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

let server: TestServer
let origin: string

beforeAll(async () => {
  server = await testServer()
  // A repository that names a filter, as those with large files do.
  origin = await bareRepository(server.folder, { 'README.md': 'hi\n', '.gitattributes': '*.txt filter=beacon\n' })
})
afterAll(() => server[Symbol.asyncDispose]())

async function beacons() {
  const asked: string[] = []
  const http = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end('ok')
  })
  await new Promise<void>((resolve) => http.listen(0, hostAddress(), resolve))
  return { asked, port: (http.address() as AddressInfo).port, close: () => http.close() }
}

test('what a first turn wrote runs nowhere in the second under the policy of set-up (R19)', async () => {
  const outside = await beacons()
  const call = (path: string) => `curl -s -m 3 -o /dev/null http://beacon.test:${outside.port}/${path}`
  await server.call('PATCH', '/settings', { staticHosts: { 'beacon.test': [hostAddress()] } })
  const made = await server.call('POST', '/environments', {
    ...{ name: 'beacons', repository: origin, image: 'universal' },
    // As `npm ci` would: it runs what the checkout holds. And filters, as of git-lfs, for whoever names them.
    maintenanceScript: [
      call('maintenance'),
      'if [ -f postinstall ]; then sh ./postinstall; fi',
      `git config --file .git/config filter.beacon.smudge '${call('smudge')}; cat'`,
      `git config --file .git/config filter.beacon.clean '${call('clean')}; cat'`,
      `git config --system filter.system.smudge '${call('system')}; cat' || true`,
    ].join('\n'),
    policy: { setup: { allow: [{ host: 'beacon.test', port: outside.port, internal: true }] } },
  })
  expect(made).toMatchObject({ status: 201 })
  const first = await server.call<TaskJson>('POST', '/tasks', {
    ...{ environment: 'beacons', mode: 'code' },
    prompt: [
      `echo '${call('postinstall')}' > postinstall`,
      'echo "*.txt filter=beacon" > .gitattributes; echo "*.md filter=system" >> .gitattributes',
      'echo a > a.txt; echo b > b.md; echo b >> README.md',
      `printf '#!/bin/sh\n${call('hook')}\n' > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout`,
      'ln -s /etc/passwd link; true',
    ].join('\n'),
  })
  const { id, turns } = await server.finished(first.body.id)
  expect(turns[0]?.attempts[0]).toMatchObject({ message: null, state: 'succeeded', diff: { files: 6 } })
  const more = await server.call('POST', `/tasks/${id}/turns`, {
    prompt: 'cat a.txt b.md > seen.txt; test -L link; sh ./postinstall',
  })
  expect(more).toMatchObject({ status: 201 })
  const second = await server.finished(id)
  outside.close()
  expect(second.turns.at(-1)?.attempts[0]).toMatchObject({ state: 'succeeded', diff: { files: 7 } })
  // Both times maintenance itself was let out, which shows that the way was open.
  expect(outside.asked).toEqual(['/maintenance', '/maintenance'])
})
