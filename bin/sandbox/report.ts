import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'
import type { CliContext } from '../../cli/context.ts'
import { say, styleOf, writeJson } from '../../cli/context.ts'
import { neutraliseLine, table } from '../../cli/terminal.ts'
import type { SandboxRun } from './run.ts'

/** The one JSON document of `drydock sandbox --json`. */
export function writeRun(run: SandboxRun, context: CliContext): void {
  const { exitCode, stdout, stderr, timedOut, gateway, ledger, truncated, ms } = run
  writeJson(context, { exitCode, stdout, stderr, timedOut, gateway, ledger, truncated, ms })
}

/** What a person wants to know besides the command's own words, on standard error. */
export function sayRun(run: SandboxRun, context: CliContext): void {
  const style = styleOf(context, context.err)
  const { ms, exitCode } = run
  const end = run.timedOut ? 'was ended: it took too long' : `ended with ${exitCode ?? 'its sandbox'}`
  say(
    context,
    style('dim', `The command ${end} after ${ms.command} ms (gateway ${ms.gateway} ms, sandbox ${ms.sandbox} ms).`),
  )
  if (run.gateway === null) return say(context, style('dim', 'The network was off.'))
  if (run.ledger.length === 0) return say(context, style('dim', 'Nothing asked for the network.'))
  const head = ['VERDICT', 'WHAT', 'WHERE', 'STATUS', 'BYTES', 'WHY']
  say(context, `\n${table([head, ...run.ledger.map(rowOf)], context.err.columns)}`)
}

function rowOf(record: LedgerRecord): string[] {
  const { layer, method, host, asked, port, path, status, bytesUp, bytesDown, rule, reason } = record
  const where = `${host ?? asked ?? '?'}${port === null ? '' : `:${port}`}${path ?? ''}`
  return [
    record.verdict,
    method ?? layer,
    where.length > 70 ? `${where.slice(0, 69)}…` : where,
    String(status ?? '–'),
    String(bytesUp + bytesDown),
    reason ?? rule ?? '',
  ].map(neutraliseLine)
}
