import { expect, inject, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { containersOf, docker, NEVER, sh, useEngine } from './harness.ts'

const world = useEngine()
const next = { byKeeper: 'next' as const }

test.each(['agent', 'root'] as const)('the keeper runs a command of %s just as the engine does', async (user) => {
  await using sandbox = await world.started()
  const look =
    'id; pwd; umask; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort; ulimit -a; ls -l /proc/self/fd/0; grep -E "^(Uid|Gid|Groups|Cap|NoNew|Seccomp)" /proc/self/status; cat /proc/self/cgroup'
  const spec = { user, env: { A: `it's "$B" \\ \n\u0081 ü`, EMPTY: '' }, cwd: '/workspace' }
  const served = await sh(sandbox, look, { ...spec, ...next })
  const executed = await sh(sandbox, look, spec)
  const umask = (text: string) => text.replace(/^00[0-9]{2}$/m, '')
  expect(umask(served.stdout)).toBe(umask(executed.stdout))
  expect(served.stdout).toContain(user === 'root' ? 'uid=0' : 'uid=1000')
})

test('the keeper hands on both outputs, standard input and the exit code, one command after the other', async () => {
  await using sandbox = await world.started()
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 256))
  const summed = await sh(sandbox, 'cksum; echo words >&2; exit 7', { ...next, stdin: bytes })
  expect(summed).toMatchObject({ code: 7, stderr: 'words\n' })
  expect(summed.stdout).toMatch(/^\d+ 200000\n$/)
  expect(await sh(sandbox, 'printf "no end of line"', next)).toMatchObject({ code: 0, stdout: 'no end of line' })
  expect(await sh(sandbox, 'kill -9 $$', next)).toEqual({ code: 137, stdout: '', stderr: '' })
  expect(await sh(sandbox, 'cat', next)).toEqual({ code: 0, stdout: '', stderr: '' })
})

test('the keeper serves nothing after the last one, and killAll() spares it', async () => {
  await using sandbox = await world.started()
  expect(await sh(sandbox, 'sleep 1000 & echo there', { byKeeper: 'last' })).toMatchObject({
    code: 0,
    stdout: 'there\n',
  })
  const processes = 'for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done'
  expect((await sh(sandbox, processes, { ...next, user: 'root' })).stdout).toContain('sleep 1000')
  await sandbox.killAll(NEVER)
  const left = (await sh(sandbox, processes, { user: 'root' })).stdout
  expect(left).not.toContain('sleep 1000')
  expect(left).toContain('sleep 300')
})

test('the keeper cannot be reached by the agent', async () => {
  await using sandbox = await world.started()
  const attack = `for p in /proc/[0-9]*; do pid=\${p#/proc/}; [ "$(stat -c %u $p)" = 0 ] || continue
    echo found; kill -9 $pid 2>/dev/null && echo killed; echo x > $p/fd/0 && echo wrote; cat $p/environ && echo read
    head -c 1 $p/mem && echo mem; readlink $p/fd/0 && echo linked; done 2>/dev/null; exit 0`
  const { stdout } = await sh(sandbox, attack, { byKeeper: 'last' })
  expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['found']))
})

test('output that imitates the end of a command is output', async () => {
  await using sandbox = await world.started()
  const forged = String.raw`printf '\036%s 0\n' 0123456789abcdef0123456789abcdef; printf '\036'; printf '\0360 0\n' >&2; exit 3`
  const { code, stdout } = await sh(sandbox, forged, { byKeeper: 'last' })
  expect(code).toBe(3)
  expect(stdout).toBe('\x1e0123456789abcdef0123456789abcdef 0\n\x1e')
})

test('after a restart the keeper waits for no runner', async () => {
  const spec = world.specOf()
  await using sandbox = world.engine.createSandbox(spec)
  await sandbox.start(NEVER)
  const [id = ''] = await containersOf(spec)
  await docker('restart', '-t', '0', id)
  await expect.poll(() => docker('top', id, '-eo', 'pid,args')).toContain('sleep 300')
})

test('a closed command has no variables for git but its own; the next one has them again', async () => {
  const image = `drydock-test/git-variables:${newId()}`
  const container = (await docker('create', inject('baseImage'), 'true')).trim()
  const changes = ['ENV GIT_DIR=/of-the-image', 'ENV GIT_X=b']
  await docker('commit', ...changes.flatMap((change) => ['-c', change]), container, image)
  await docker('rm', container)
  try {
    await using sandbox = await world.started({ image, env: { GIT_AUTHOR_NAME: 'a' } })
    const list = { ...next, env: { GIT_OWN: '1' } }
    const own = 'env | sed -n "s/^\\(GIT_[A-Z_]*\\)=.*/\\1/p" | sort'
    expect((await sh(sandbox, own, { ...list, closed: true })).stdout).toBe('GIT_OWN\n')
    expect((await sh(sandbox, own, { ...list, closed: true, stdin: Buffer.from('x') })).stdout).toBe('GIT_OWN\n')
    expect((await sh(sandbox, own, list)).stdout).toBe('GIT_AUTHOR_NAME\nGIT_DIR\nGIT_OWN\nGIT_X\n')
  } finally {
    await docker('rmi', '-f', image)
  }
})
