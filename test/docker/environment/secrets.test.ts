import { describe, expect, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { searchForSecrets } from '../../../runner/secrets/search.ts'
import type { SearchLimits } from '../../../runner/secrets/search.ts'
import { makeSnapshot } from '../../../runner/environment/snapshot.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { docker, NEVER, sh, useEngine } from '../sandbox/harness.ts'

const world = useEngine()
const SECRET = 'tok/en+of "set-up" é 0123456789'
const MiB = 1024 ** 2
/** A file of the image with something that no other file of it has. */
const LISTED = '/var/lib/dpkg/info/bash.md5sums'

/** Runs a script as root with the secret in its environment; the script itself does not have it. */
const plant = (sandbox: Sandbox, script: string) => sh(sandbox, script, { user: 'root', env: { TOKEN: SECRET } })

const search = (sandbox: Sandbox, value = SECRET, limits?: SearchLimits): Promise<string> =>
  searchForSecrets(sandbox, { secrets: [{ name: 'TOKEN', value }], ...(limits && { limits }) }, NEVER).then(
    () => 'clean',
    (error: Error & { reason: string }) => `${error.reason}: ${error.message}`,
  )

const base64 = (before: string) => Buffer.from(`${before}${SECRET}!`).toString('base64')
const spelled: [string, string][] = [
  ['raw', `x${SECRET}x`],
  ...['', 'a', 'ab'].map((before): [string, string] => [`base64 behind "${before}"`, base64(before)]),
  ['url', encodeURIComponent(SECRET)],
  ['json', JSON.stringify({ token: SECRET })],
]

describe('searchForSecrets() in a real sandbox (R22)', () => {
  test('finds what set-up left, in every spelling, and nothing once it is gone', async () => {
    await using sandbox = await world.started()
    expect(await search(sandbox)).toBe('clean')
    for (const [spelling, text] of spelled) {
      await sh(sandbox, 'mkdir -p /opt/x && cat > /opt/x/kept', { user: 'root', stdin: Buffer.from(text) })
      expect([spelling, await search(sandbox)]).toEqual([
        spelling,
        expect.stringContaining('secret-in-snapshot: Cannot keep what set-up made: the file "/opt/x/kept" holds'),
      ])
    }
    await sh(sandbox, 'rm /opt/x/kept', { user: 'root' })
    expect(await search(sandbox)).toBe('clean')
  })

  test('finds a token that a tool wrote into its configuration', async () => {
    await using sandbox = await world.started()
    await plant(sandbox, 'git config --global http.extraHeader "Authorization: $TOKEN" && cat ~/.gitconfig')
    expect(await search(sandbox)).toContain('the file "/root/.gitconfig" holds the secret "TOKEN"')
  })

  test('lets pass what the image brought along, until set-up writes it', async () => {
    await using sandbox = await world.started()
    const { stdout } = await sh(sandbox, `head -c 32 ${LISTED}`)
    expect(stdout).toMatch(/^[0-9a-f]{32}$/)
    expect(await search(sandbox, stdout)).toBe('clean')
    await sh(sandbox, `echo >> ${LISTED}`, { user: 'root' })
    expect(await search(sandbox, stdout)).toMatch(/^secret-in-snapshot/)
  })

  test("does not take a file for the image's whose name cannot be told apart", async () => {
    await using sandbox = await world.started()
    await plant(sandbox, 'printf %s "$TOKEN" > "/opt/$(printf \'\\377\\n\')name"')
    expect(await search(sandbox)).toMatch(/^secret-in-snapshot/)
  })

  test('is not held up by pipes and deep folders, and fails when there is too much, be it a hole', async () => {
    await using sandbox = await world.started()
    const deep = 'deep-folder/'.repeat(300)
    await plant(
      sandbox,
      `cd /opt && mkfifo pipe && ln -s /proc/self/mem link && ln -s /dev/zero zero && mkdir -p ${deep}`,
    )
    const limits = { bytes: 400 * MiB, entries: 1_000_000 }
    expect(await search(sandbox, SECRET, limits)).toBe('clean')
    await sh(sandbox, 'truncate -s 400M /opt/hole', { user: 'root' })
    expect(await search(sandbox, SECRET, limits)).toMatch(/^setup-failed: Cannot search what set-up made for secrets/)
  }, 240_000)
})

describe('makeSnapshot()', () => {
  const build = async (setupScript: string) => {
    const tag = `drydock/test-snapshot:${newId()}`
    const environment = { setupScript, variables: { PLAIN: 'yes' } }
    const secrets = [{ name: 'TOKEN', value: SECRET }]
    const input = { installation: world.installation, environment, secrets, folders: ['/workspace'], tag }
    const owner = { installation: world.installation, build: newId() }
    const prepare = () => world.started({ owner })
    const made = makeSnapshot(input, { prepare, settle: async () => undefined, onOutput: () => undefined }, NEVER)
    return { tag, owner, made }
  }

  test('leaves a secret that set-up used in neither layers, configuration nor history', async () => {
    const { tag, made, owner } = await build('test -n "$TOKEN" && test "$PLAIN" = yes && echo done > /opt/done')
    await made
    try {
      const look = async () => {
        const saved = await docker('run', '--rm', '--network', 'none', '--entrypoint', 'cat', tag, '/opt/done')
        const told = await Promise.all([docker('image', 'inspect', tag), docker('history', '--no-trunc', tag)])
        return { saved, told: told.join('\n') }
      }
      const { saved, told } = await look()
      expect(saved).toBe('done')
      expect(told).toContain(owner.build)
      for (const [, text] of spelled) expect(told).not.toContain(text)
      expect(told).not.toContain('TOKEN')
      await using sandbox = await world.started({ image: tag })
      // The engine gives a container the labels of its image: a sweep must not take it for the build's.
      const containers = (await world.engine.listOwned(world.installation)).filter(({ type }) => type === 'container')
      expect(containers.map((each) => [typeof each.attempt, each.build])).toEqual([['string', undefined]])
      const grep = 'grep -rlaF -D skip --exclude-dir=proc --exclude-dir=sys -- "$TOKEN" / | head -1; echo searched'
      expect((await plant(sandbox, grep)).stdout).toBe('searched\n')
      // The same look finds it where it is.
      await plant(sandbox, 'printf %s "$TOKEN" > /opt/planted')
      expect((await plant(sandbox, grep)).stdout).toBe('/opt/planted\nsearched\n')
    } finally {
      await world.engine.removeImage(tag)
    }
  })

  test('fails for a script that writes one, and makes no image', async () => {
    const { tag, made } = await build('git config --global http.extraHeader "Authorization: $TOKEN"')
    await expect(made).rejects.toMatchObject({
      reason: 'secret-in-snapshot',
      message: expect.stringContaining('/root/.gitconfig'),
    })
    expect(await world.engine.imageInfo(tag)).toBeUndefined()
  })
})
