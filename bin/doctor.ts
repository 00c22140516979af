import { dataFolderOf } from './data-option.ts'
import { JSON_OPTION, defineCommand } from '../cli/command.ts'
import { styleOf, writeJson } from '../cli/context.ts'
import type { Style } from '../cli/terminal.ts'
import type { Check } from './doctor/check.ts'
import { fail } from './doctor/check.ts'
import { checkEncryption, checkSwap } from './doctor/encryption.ts'
import { checkEngine } from './doctor/engine.ts'
import { checkDataFolder, checkGit, checkNode } from './doctor/machine.ts'
import { checkServer } from './doctor/server.ts'
import { ROOT } from './root.ts'

const MACHINE = { root: '/' }

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Checks this machine and the server. Exit code 1 when something would keep tasks from running.',
  positionals: [],
  options: {
    data: { type: 'string', value: 'DIR', help: "the server's data folder, when it is not the default one" },
    ...JSON_OPTION,
  },
  examples: ['drydock doctor', 'drydock doctor --json | jq .checks'],
  run: async ({ values }, context) => {
    const { env } = process
    const folder = dataFolderOf(values, { env, cwd: context.cwd })
    const groups = await Promise.all([
      checkGit(),
      checkConfiguredEngine(env),
      checkDataFolder(folder, env.DATABASE_URL === undefined),
      process.platform === 'linux' ? checkAtRest(folder) : [],
      checkServer(context),
    ])
    const checks = [checkNode(process.version), ...groups.flat()]
    const isWell = checks.every(({ status }) => status !== 'fail')
    if (values.json) writeJson(context, { ok: isWell, checks })
    else context.out.write(`${render(checks, styleOf(context, context.out))}\n`)
    return isWell ? 0 : 1
  },
})

/** Prompts, logs and diffs are in the database and workspaces in Docker's folder, as they are: the volume seals them. */
async function checkAtRest(folder: string): Promise<Check[]> {
  return [await checkEncryption('data', folder, MACHINE), ...(await checkSwap(MACHINE))]
}

async function checkConfiguredEngine(env: NodeJS.ProcessEnv): Promise<Check[]> {
  try {
    const { readServerConfig } = await import('./config.ts')
    return await checkEngine({ socketPath: readServerConfig(env).dockerSocket, root: ROOT }, MACHINE)
  } catch (error) {
    return [fail('configuration', error instanceof Error ? error.message : String(error), 'put the variable right')]
  }
}

const MARKS = { ok: ['green', '✔ ok'], warn: ['yellow', '! warn'], fail: ['red', '✘ fail'] } as const

function render(checks: readonly Check[], style: Style): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  return checks
    .map(({ name, status, detail, advice }) => {
      const [look, mark] = MARKS[status]
      const line = `${style(look, mark.padEnd(6))}  ${name.padEnd(width)}  ${detail}`
      return advice === undefined ? line : `${line}\n${' '.repeat(width + 10)}→ ${advice}`
    })
    .join('\n')
}
