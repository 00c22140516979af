import { expect, test } from 'vitest'
import { defineCommand } from '../../cli/command.ts'
import { createStyle } from '../../cli/terminal.ts'
import { fakeWorld } from './fakes.ts'

function probe() {
  const seen: unknown[] = []
  const command = defineCommand({
    name: 'probe',
    summary: 'Looks.',
    positionals: ['TASK', '[PROMPT|-]'],
    options: {
      env: { type: 'string', short: 'e', value: 'NAME', help: 'where' },
      wait: { type: 'boolean', help: 'wait' },
      var: { type: 'string', multiple: true, value: 'K=V', help: 'a variable' },
    },
    examples: ['drydock probe 1'],
    run: async (input) => {
      seen.push(input)
      return 0
    },
  })
  return { run: (argv: string[]) => command.run(argv, fakeWorld().context), command, seen }
}

test('defineCommand() parses options, repeated ones, and positionals in any order', async () => {
  const { run, seen } = probe()
  await run(['--var', 'A=1', 'id', '-e', 'shop', '--var=B=2', '--wait', '-'])
  expect(seen).toEqual([{ values: { env: 'shop', wait: true, var: ['A=1', 'B=2'] }, positionals: ['id', '-'] }])
})

test('defineCommand() takes everything behind -- as it is', async () => {
  const { run, seen } = probe()
  await run(['id', '--', '--wait'])
  expect(seen).toMatchObject([{ positionals: ['id', '--wait'] }])
})

test.each([
  [['id', '--wiat'], 'Cannot run "probe": there is no option --wiat. Did you mean --wait? See: drydock probe --help'],
  [['id', '-x'], 'Cannot run "probe": there is no option -x. See: drydock probe --help'],
  [[], 'Cannot run "probe": TASK is missing. See: drydock probe --help'],
  [['id', 'fix', 'it'], '"it" is one argument too many (a prompt of several words is quoted)'],
  [['id', '--env'], "Option '-e, --env <value>' argument missing."],
  [['id', '--wait=yes'], "Option '--wait' does not take an argument."],
])('defineCommand() refuses %j with exit code 2', async (argv, message) => {
  const { run, seen } = probe()
  await expect(run(argv)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) })
  expect(seen).toEqual([])
})

test('defineCommand() has usage, every option and the examples in its help', () => {
  const help = probe().command.help(createStyle(false))
  expect(help).toContain('drydock probe TASK [PROMPT|-] [options]')
  expect(help).toMatch(/-e, --env NAME +where/)
  expect(help).toMatch(/--var K=V … +a variable/)
  expect(help).toContain('drydock probe 1')
})
