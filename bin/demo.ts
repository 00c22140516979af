import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { defineCommand } from '../cli/command.ts'
import { say, writeJson } from '../cli/context.ts'
import type { CliContext } from '../cli/context.ts'
import { preparePlace } from './demo/place.ts'
import type { Place } from './demo/place.ts'
import { DEMO_OPTIONS, isUrl, readPlan } from './demo/plan.ts'
import type { DemoPlan } from './demo/plan.ts'
import { isDone, reportOf, shellWord, writeReport } from './demo/report.ts'
import { runDemoTask } from './demo/run-task.ts'
import { prepareMachine } from './prepare-machine.ts'
import { ROOT } from './root.ts'

export const demo = defineCommand({
  name: 'demo',
  summary: 'Runs one Code task in a sandbox without network and publishes its branch, with a server of its own.',
  positionals: [],
  options: DEMO_OPTIONS,
  notes: [
    'Without --repo it works on a small sample. With --repo it works on a copy of what is committed there, and',
    'publishes to that copy; --push publishes to the repository itself. Nothing runs on when it has ended.',
  ].join('\n'),
  examples: [
    'npm run demo',
    'npm run demo -- --repo ~/src/shop --script change.sh',
    'npm run demo -- --repo https://git.example.com/shop.git --branch main --json',
  ],
  run: async ({ values }, context) => {
    const plan = await readPlan(values, { cwd: context.cwd, env: context.env })
    await prepareMachine(ROOT, context.env)
    const place = await preparePlace(plan, context.env)
    for (const note of place.notes) say(context, note)
    const { task, patch } = await withServer({ plan, place }, context, (own) => runDemoTask({ plan, place }, own))
    const report = reportOf(task, place.origin)
    if (values.json) writeJson(context, report)
    else
      writeReport(
        { report, patch, base: place.branch, startCommand: startCommand(), isTrusted: await isOurs(place) },
        context,
      )
    return isDone(report) ? 0 : 1
  },
})

/** Runs a server of the demo's own, on its own data and a free port, and ends it with everything that it started. */
async function withServer<T>(
  { plan, place }: { plan: DemoPlan; place: Place },
  context: CliContext,
  work: (context: CliContext) => Promise<T>,
): Promise<T> {
  const [{ startServer }, { readServerConfig }] = await Promise.all([import('./serve.ts'), import('./config.ts')])
  // The user's own server and its database are none of the demo's business.
  const config = readServerConfig({ DRYDOCK_LOG: 'error', ...context.env, DATABASE_URL: undefined })
  const server = await startServer({
    config: { ...config, dataDir: plan.dataDir, repositoryRoots: place.roots, publicUrl: undefined, drainMs: 0 },
    role: 'all',
    port: 0,
    host: '127.0.0.1',
  })
  try {
    const url = new URL(server.url ?? '')
    return await work({ ...context, config: () => ({ ...context.config(), url, token: server.adminToken }) })
  } finally {
    await server.close()
  }
}

/** How the server is started from where the person is. */
function startCommand(): string {
  return process.cwd() === ROOT ? 'npm start' : `${shellWord(join(ROOT, 'bin', 'drydock'))} serve`
}

async function isOurs({ origin }: Place): Promise<boolean> {
  if (isUrl(origin)) return true
  const { uid } = await stat(origin)
  return uid === process.getuid?.()
}
