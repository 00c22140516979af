import { execFileSync, spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keeperProgram, shellWord } from '../../../runner/sandbox/keeper-program.ts'

const COMMAND = { command: ['true'], user: 'agent' } as const

test('shellWord() is one word of a real shell, whatever is in it', () => {
  const word = fc.string({
    unit: fc.constantFrom(...Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1))),
  })
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
      const script = `printf '%s\\0' ${words.map(shellWord).join(' ')}`
      const said = execFileSync('sh', ['-c', script], { encoding: 'utf8' })
      expect(said.split('\0').slice(0, -1)).toEqual(words)
    }),
    { numRuns: 15 },
  )
})

test('keeperProgram() exports variables and becomes the command', () => {
  const program = keeperProgram({
    command: ['sh', '-c', 'echo "$1 $A $HOME $PWD"', 'sh', 'one'],
    user: 'root',
    env: { A: "it's" },
    cwd: '/tmp',
  })
  expect(program?.uid).toBe(0)
  expect(execFileSync('sh', ['-c', String(program?.text)], { encoding: 'utf8' })).toBe("one it's /root /tmp\n")
})

test('keeperProgram() is the script itself where the command is one for the shell', () => {
  const script = 'set -u\nprintf "%s %s" "$A" "$PWD"\nexit 3'
  const program = keeperProgram({ command: ['/bin/sh', '-c', script], user: 'root', env: { A: 'b' }, cwd: '/tmp' })
  const { status, stdout } = spawnSync('sh', ['-c', String(program?.text)], { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 3, stdout: 'b /tmp' })
  expect(String(program?.text)).not.toContain('exec')
  const withName = keeperProgram({ command: ['/bin/sh', '-c', 'echo "$0"', 'name'], user: 'root' })
  expect(execFileSync('sh', ['-c', String(withName?.text)], { encoding: 'utf8' })).toBe('name\n')
})

test('keeperProgram() of a closed command says so, whatever its variables say', () => {
  const spec = {
    command: ['/bin/sh', '-c', 'echo "$DRYDOCK_CLOSED"'],
    user: 'root',
    env: { DRYDOCK_CLOSED: '' },
  } as const
  const said = (closed: boolean) => {
    const program = keeperProgram({ ...spec, closed })
    return execFileSync('sh', ['-c', String(program?.text)], { encoding: 'utf8' }).trim()
  }
  expect([said(true), said(false)]).toEqual(['1', ''])
})

test.each([
  ['a variable whose name no shell takes', { ...COMMAND, env: { 'a.b': '1' } }],
  ['a variable that is a command', { ...COMMAND, env: { 'a=$(id)': '1' } }],
  ['a NUL', { ...COMMAND, env: { A: 'a\0b' } }],
  ['a NUL in the command', { ...COMMAND, command: ['echo', 'a\0b'] }],
  ['more than an argument may hold', { ...COMMAND, env: { A: 'x'.repeat(130_000) } }],
  ['an input that is not all there', { ...COMMAND, stdin: (async function* () {})() }],
])('keeperProgram() leaves %s to the engine', (_what, spec) => {
  expect(keeperProgram(spec)).toBeUndefined()
})
