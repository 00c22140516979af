import { createClient } from '../../cli/client.ts'
import type { CliContext } from '../../cli/context.ts'
import { CliError } from '../../cli/errors.ts'
import { fail, ok, warn } from './check.ts'
import type { Check } from './check.ts'

const ANSWER_MS = 5000

/** Asks the server that the client commands would use. None is no fault: it may not have been started. */
export async function checkServer(context: CliContext): Promise<Check[]> {
  const { url } = context.config()
  const base = url.href.replace(/\/+$/, '')
  const ask = (path: string) =>
    context.fetch(`${base}/api/v1${path}`, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' })
  const health = await ask('/healthz').catch(() => undefined)
  if (health === undefined) {
    return [warn('server', `nothing answers at ${url.origin}`, 'start it with "bin/drydock serve", or set DRYDOCK_URL')]
  }
  const { version } = (await health.json().catch(() => ({}))) as { version?: string }
  if (!health.ok || version === undefined) {
    return [
      fail('server', `what answers at ${url.origin} is not Drydock`, 'set DRYDOCK_URL, or stop the other program'),
    ]
  }
  const ready = await ask('/readyz').catch(() => undefined)
  return [
    ok('server', `Drydock ${version} at ${url.origin}`),
    ready?.ok === true
      ? ok('database', 'answers')
      : fail('database', "the server's database does not answer", "look at the server's log; check DATABASE_URL"),
    await checkToken(context),
  ]
}

async function checkToken(context: CliContext): Promise<Check> {
  try {
    await (await createClient(context)).listEnvironments()
    return ok('token', 'is accepted')
  } catch (error) {
    const detail = error instanceof CliError ? error.message : String(error)
    return fail(
      'token',
      detail,
      "set DRYDOCK_TOKEN; the administrator's is in the file admin-token of the server's data folder",
    )
  }
}
