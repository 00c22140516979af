import type { BuildJson, CacheJson } from '../api/schemas/cache.ts'
import { bytesText, duration } from './render-task.ts'
import { neutralise, neutraliseLine, table } from './terminal.ts'
import type { Style } from './terminal.ts'

const OUTPUT_LINES = 20

/** What an environment's cache holds and the builds that people want to know of. */
export function renderCache({ snapshots, building, lastBuild }: CacheJson, style: Style, columns: number): string {
  const now = Date.now()
  const rows = snapshots.map(({ host, key, createdAt, expiresAt, sizeBytes, fromCommit, inUse }) => [
    neutraliseLine(host),
    key.slice(0, 12),
    duration(now - Date.parse(createdAt)),
    Date.parse(expiresAt) > now ? duration(Date.parse(expiresAt) - now) : 'too old',
    bytesText(sizeBytes),
    fromCommit.slice(0, 10),
    inUse ? 'yes' : 'no',
  ])
  const listed = table([['HOST', 'KEY', 'AGE', 'LEFT', 'SIZE', 'COMMIT', 'IN USE'], ...rows], columns)
  return [
    snapshots.length === 0 ? 'There is no snapshot: the next start sets the environment up.' : listed,
    ...(building === null ? [] : ['', ...buildLines('building', building, style)]),
    ...(lastBuild === null ? [] : ['', ...buildLines('last build', lastBuild, style)]),
  ].join('\n')
}

function buildLines(label: string, build: BuildJson, style: Style): string[] {
  const { state, cause, reason, message, ms, startedAt, output } = build
  const last = neutralise(output.trimEnd()).split('\n').slice(-OUTPUT_LINES)
  return [
    `${style('bold', label)}  ${state}${reason === null ? '' : ` (${reason})`}`,
    `  because  ${neutraliseLine(cause)}`,
    `  began    ${startedAt}${ms === null ? '' : `, took ${duration(ms)}`}`,
    ...(message === null ? [] : [`  ${neutralise(message)}`]),
    ...(output.trim() === '' ? [] : ['', ...last.map((line) => `  ${line}`)]),
  ]
}
