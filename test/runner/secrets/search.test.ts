import { pack } from 'tar-stream'
import type { Header } from 'tar-stream'
import { expect, test } from 'vitest'
import { searchForSecrets } from '../../../runner/secrets/search.ts'
import type { SearchLimits } from '../../../runner/secrets/search.ts'

const SECRET = 's3cr3t-value-of-set-up'
const NEVER = new AbortController().signal
type File = [header: Partial<Header> & { name: string }, content?: string]

async function* archiveOf(files: readonly File[]): AsyncGenerator<Uint8Array> {
  const archive = pack()
  for (const [header, content] of files) archive.entry(header, content ?? '')
  archive.finalize()
  const bytes: Buffer[] = []
  for await (const chunk of archive) bytes.push(Buffer.from(chunk as Uint8Array))
  yield* bytes
}

type Options = { unchanged?: string[]; limits?: SearchLimits; secrets?: { name: string; value: string }[] }

async function search(files: readonly File[], { unchanged = [], limits, secrets }: Options = {}): Promise<string> {
  const sandbox = {
    files: async () => archiveOf(files),
    changedAmong: async (paths: readonly string[]) => new Set(paths.filter((path) => !unchanged.includes(path))),
  }
  const input = { secrets: secrets ?? [{ name: 'TOKEN', value: SECRET }], ...(limits && { limits }) }
  return searchForSecrets(sandbox, input, NEVER).then(
    () => 'clean',
    (error: Error & { reason: string }) => `${error.reason}: ${error.message}`,
  )
}

test('searchForSecrets() names the file and the secret, never the value', async () => {
  const said = await search([
    [{ name: 'etc/passwd' }, 'root'],
    [{ name: 'root/.npmrc' }, `//registry/:_authToken=${SECRET}\n`],
    [{ name: 'root/.other' }, SECRET],
  ])
  expect(said).toContain(
    'secret-in-snapshot: Cannot keep what set-up made: the file "/root/.npmrc" holds the secret "TOKEN"',
  )
  expect(said).toContain('and 1 more files do')
  expect(said).not.toContain(SECRET)
})

test('searchForSecrets() lets pass what holds none, and what the image brought along', async () => {
  expect(await search([[{ name: 'a' }, 'nothing']])).toBe('clean')
  expect(await search([[{ name: 'usr/doc' }, SECRET]], { unchanged: ['/usr/doc'] })).toBe('clean')
  expect(await search([[{ name: 'a' }, SECRET]], { secrets: [] })).toBe('clean')
})

test.each<[string, File]>([
  ['a name', [{ name: `workspace/${SECRET}` }, '']],
  ['a name and its content', [{ name: `workspace/${SECRET}` }, SECRET]],
  ['a folder', [{ name: `workspace/${SECRET}/`, type: 'directory' }]],
  ['the target of a link', [{ name: 'workspace/link', type: 'symlink', linkname: `/x/${SECRET}` }]],
  ['an attribute', [{ name: 'workspace/x', pax: { 'SCHILY.xattr.user.x': SECRET } }, '']],
])('searchForSecrets() finds it in %s, and does not repeat it', async (_, file) => {
  const said = await search([file])
  expect(said).toMatch(/^secret-in-snapshot: .*a name of a file holds/)
  expect(said).not.toContain(SECRET)
})

test('searchForSecrets() does not put two files together', async () => {
  const [first, second] = [SECRET.slice(0, 8), SECRET.slice(8)]
  expect(
    await search([
      [{ name: 'a' }, first],
      [{ name: 'b' }, second],
    ]),
  ).toBe('clean')
})

test('searchForSecrets() finds it across the chunks of a large file', async () => {
  expect(await search([[{ name: 'big' }, `${'x'.repeat(3_000_001)}${SECRET}${'x'.repeat(3_000_001)}`]])).toContain(
    '"/big"',
  )
})

test.each<[string, SearchLimits]>([
  ['files', { bytes: 2 ** 40, entries: 2 }],
  ['bytes', { bytes: 10, entries: 10 }],
])('searchForSecrets() fails when there are more %s than may be searched', async (_, limits) => {
  const files: File[] = ['a', 'b', 'c'].map((name) => [{ name }, 'xxxxx'])
  expect(await search(files, { limits })).toMatch(/^setup-failed: Cannot search what set-up made for secrets/)
})

test('searchForSecrets() fails when the image has more hits than it looks up', async () => {
  const files: File[] = Array.from({ length: 100 }, (_, i) => [{ name: `doc/${i}` }, SECRET])
  const unchanged = files.map(([{ name }]) => `/${name}`)
  expect(await search(files, { unchanged })).toMatch(/^setup-failed: .*more than 64 files of its image/)
})

test('searchForSecrets() fails when the archive ends early or is none', async () => {
  const whole: Buffer[] = []
  for await (const chunk of archiveOf([[{ name: 'a' }, 'x'.repeat(10_000)]])) whole.push(Buffer.from(chunk))
  const cut = Buffer.concat(whole).subarray(0, 5000)
  for (const bytes of [cut, Buffer.alloc(1024, 'x')]) {
    const sandbox = {
      async files() {
        return (async function* () {
          yield bytes
        })()
      },
      changedAmong: async () => new Set<string>(),
    }
    const searching = searchForSecrets(sandbox, { secrets: [{ name: 'T', value: SECRET }] }, NEVER)
    await expect(searching).rejects.toThrow()
  }
})
