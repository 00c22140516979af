import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { COMMANDS } from '../../bin/commands.ts'
import { SHELLS, completionScript, wordsOf } from '../../bin/completion.ts'
import { completionOf } from '../../bin/commands/completion.ts'
import { fakeWorld } from '../cli/fakes.ts'

const words = wordsOf([
  { name: 'exec', flags: ['--env', '--help'] },
  { name: 'env create', flags: ['--name'] },
  { name: 'env secret set', flags: ['--file'] },
])

function scriptFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-completion-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'script'), text)
  return join(folder, 'script')
}

/** What real bash offers for a command line whose last word is being typed. */
function offered(script: string, ...typed: string[]): string[] {
  const ask = `. "$1"; shift; COMP_WORDS=(drydock "$@"); COMP_CWORD=$#; _drydock; printf '%s\\n' "\${COMPREPLY[@]}"`
  const out = execFileSync('bash', ['--norc', '-c', ask, 'bash', scriptFile(script), ...typed], { encoding: 'utf8' })
  return out.split('\n').filter(Boolean)
}

test.each([
  [[''], ['exec', 'env']],
  [['e'], ['exec', 'env']],
  [
    ['env', ''],
    ['create', 'secret'],
  ],
  [['env', 'secret', ''], ['set']],
  [['env', 'create', '--'], ['--name']],
  [['exec', '--env', 'shop', '--h'], ['--help']],
  [['exec', '$(touch /tmp/x)', '--e'], ['--env']],
  [['nothing', 'x'], []],
])('the script for bash offers for %j what may follow', (typed, expected) => {
  expect(offered(completionScript('bash', words), ...typed)).toEqual(expected)
})

test.each(SHELLS)('completion %s has every command and its options', async (shell) => {
  const world = fakeWorld()
  expect(await completionOf(COMMANDS).run([shell], world.context)).toBe(0)
  for (const name of Object.keys(COMMANDS)) expect(world.out()).toContain(`'${name}'`)
  expect(world.out()).toMatch(/'exec'[^\n]*\n?[^\n]*--attempts /)
  if (shell === 'bash') expect(offered(world.out(), 'env', 'secret', 's')).toEqual(['set'])
})

test('completion refuses a shell that it does not know', async () => {
  await expect(completionOf(COMMANDS).run(['tcsh'], fakeWorld().context)).rejects.toThrow(
    'it is one of bash, zsh, fish',
  )
})
