import { beforeAll, describe, expect, test } from 'vitest'
import { pack } from 'tar-stream'
import type { Header } from 'tar-stream'
import { gzipSync } from 'node:zlib'
import { CAPS } from '../../../domain/environments/limits.ts'
import { AGENTS } from '../../../runner/agent/agents.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { restoreSession, saveSession } from '../../../runner/sessions/sessions.ts'
import { NEVER, sh, useEngine } from '../sandbox/harness.ts'

const world = useEngine()
const adapter = AGENTS.codex
const IN = '.codex/sessions'

/** An archive as a hostile agent could make one. */
async function archive(entries: readonly (Partial<Header> & { name: string; body?: string })[]): Promise<Buffer> {
  const tar = pack()
  for (const { body = '', ...header } of entries) tar.entry({ mode: 0o644, ...header }, body)
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const restore = (sandbox: Sandbox, bytes: Uint8Array) => restoreSession({ sandbox, adapter, archive: bytes }, NEVER)
const save = (sandbox: Sandbox) => saveSession({ sandbox, adapter }, NEVER)
const SESSION = { name: `${IN}/2026/rollout-x.jsonl`, body: 'a line\n' }

describe('restoreSession()', () => {
  let sandbox: Sandbox
  beforeAll(async () => {
    sandbox = await world.started()
    await sh(sandbox, 'mkdir -p /agent-home/.codex && echo mine > /agent-home/.codex/config.toml')
    return () => sandbox.destroy()
  })
  const homeOf = async () =>
    (await sh(sandbox, 'cd /agent-home && find . | sort && cat .codex/config.toml; ls -la /tmp /workspace')).stdout

  test('puts a session where its agent looks for it (control)', async () => {
    await restore(sandbox, await archive([SESSION]))
    const { stdout } = await sh(
      sandbox,
      `cat /agent-home/${SESSION.name}; stat -c '%U %a' /agent-home/${SESSION.name}; ls -A /agent-home`,
    )
    expect(stdout).toBe('a line\nagent 600\n.codex\n')
  })

  test('replaces an earlier one', async () => {
    await restore(sandbox, await archive([{ name: `${IN}/new`, body: 'new' }]))
    expect((await sh(sandbox, `ls /agent-home/${IN}`)).stdout).toBe('new\n')
  })

  test.each<[string, (Partial<Header> & { name: string; body?: string })[]]>([
    ['beside its folder', [SESSION, { name: '.codex/config.toml', body: 'model_provider = "theirs"' }]],
    ['beside its folder by a name that begins alike', [{ name: `${IN}-evil/x`, body: 'x' }]],
    ['above', [{ name: `${IN}/../config.toml`, body: 'x' }]],
    ['far above', [{ name: `${IN}/../../../tmp/x`, body: 'x' }]],
    ['above at last', [{ name: `${IN}/..`, type: 'directory' }]],
    ['by an absolute path', [{ name: '/tmp/x', body: 'x' }]],
    ['by a name with a line end', [{ name: `${IN}/a\n/tmp/x`, body: 'x' }]],
    [
      'by a symbolic link',
      [
        { name: `${IN}/l`, type: 'symlink', linkname: '/workspace' },
        { name: `${IN}/l/x`, body: 'x' },
      ],
    ],
    ['by a link in place of the folder', [{ name: IN, type: 'symlink', linkname: '/workspace' }]],
    ['by a hard link', [SESSION, { name: `${IN}/l`, type: 'link', linkname: '.codex/config.toml' }]],
    ['a fifo', [{ name: `${IN}/f`, type: 'fifo' }]],
    ['a device', [{ name: `${IN}/d`, type: 'character-device', devmajor: 1, devminor: 1 }]],
    ['too many files', Array.from({ length: 6000 }, (_, i) => ({ name: `${IN}/${i}`, body: '' }))],
  ])('refuses what would go %s, and leaves the home as it was', async (_what, entries) => {
    const before = await homeOf()
    await expect(archive(entries).then((bytes) => restore(sandbox, bytes))).rejects.toMatchObject({
      reason: 'session-lost',
    })
    expect(await homeOf()).toBe(before)
  })

  test.each<[string, () => Promise<Uint8Array>]>([
    ['no archive', async () => Buffer.from('nothing of the kind')],
    ['nothing', async () => Buffer.alloc(0)],
    ['a compressed archive', async () => gzipSync(await archive([SESSION]))],
    ['half an archive', async () => (await archive([{ ...SESSION, body: 'x'.repeat(100_000) }])).subarray(0, 50_000)],
  ])('refuses %s', async (_what, make) => {
    const before = await homeOf()
    await expect(make().then((bytes) => restore(sandbox, bytes))).rejects.toMatchObject({ reason: 'session-lost' })
    expect(await homeOf()).toBe(before)
  })

  test('refuses a file that is small in the archive only', async () => {
    const maker = await world.started()
    const { code } = await sh(
      maker,
      `mkdir -p /agent-home/${IN} && cd /agent-home && truncate -s 200M ${IN}/hole && tar -cSf /tmp/a.tar ${IN}`,
    )
    expect(code).toBe(0)
    const chunks: Buffer[] = []
    await maker.exec(
      {
        command: ['cat', '/tmp/a.tar'],
        user: 'agent',
        onOutput: (_stream, chunk) => void chunks.push(Buffer.from(chunk)),
      },
      NEVER,
    )
    await maker.destroy()
    expect(Buffer.concat(chunks).length).toBeLessThan(100_000)
    await expect(restore(sandbox, Buffer.concat(chunks))).rejects.toMatchObject({ reason: 'session-lost' })
  })
})

describe('saveSession()', () => {
  const after = async (script: string) => {
    const sandbox = await world.started()
    try {
      await sh(sandbox, `mkdir -p /agent-home/${IN} && cd /agent-home/${IN} && ${script}`)
      return await save(sandbox)
    } finally {
      await sandbox.destroy()
    }
  }

  test('gives what restoreSession() takes, without what is no file', async () => {
    const bytes = await after('mkdir d && echo kept > d/f && ln -s /etc/passwd l && mkfifo p && ln d/f hard')
    const next = await world.started()
    try {
      // A file of two names would come as a link.
      await expect(restore(next, bytes ?? new Uint8Array())).rejects.toMatchObject({ reason: 'session-lost' })
      const single = await after('mkdir d && echo kept > d/f && ln -s /etc/passwd l && mkfifo p')
      await restore(next, single ?? new Uint8Array())
      expect((await sh(next, `cd /agent-home/${IN} && find . | sort && cat d/f`)).stdout).toBe('.\n./d\n./d/f\nkept\n')
    } finally {
      await next.destroy()
    }
  })

  test('gives nothing where there is nothing', async () => {
    expect(await after('rm -r ../sessions')).toBeUndefined()
    expect(await after('rm -r ../sessions && ln -s /etc ../sessions')).toBeUndefined()
  })

  test('gives nothing where there is too much', async () => {
    expect(await after(`head -c ${CAPS.sessionBytes + 1} /dev/zero > big`)).toBeUndefined()
    expect(await after('i=0; while [ $i -lt 6000 ]; do : > $i; i=$((i+1)); done')).toBeUndefined()
  })

  test('believes no sandbox that sends without end', async () => {
    const sandbox = await world.started()
    await sh(
      sandbox,
      'printf "#!/bin/sh\\nexec cat /dev/zero\\n" > /usr/local/bin/tar && chmod +x /usr/local/bin/tar',
      { user: 'root' },
    )
    await sh(sandbox, `mkdir -p /agent-home/${IN} && echo x > /agent-home/${IN}/x`)
    expect(await save(sandbox)).toBeUndefined()
    await sandbox.destroy()
  })

  test('says that there is no tar', async () => {
    const sandbox = await world.started()
    await sh(sandbox, 'rm -f /bin/tar /usr/bin/tar', { user: 'root' })
    expect(await save(sandbox)).toBeUndefined()
    await expect(restore(sandbox, await archive([SESSION]))).rejects.toThrow(/the image has no tar/)
    await sandbox.destroy()
  })
})
