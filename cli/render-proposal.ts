import type { InspectionJson } from '../api/schemas/inspection.ts'
import { neutraliseLine } from './terminal.ts'
import type { Style } from './terminal.ts'

const LABELS = {
  image: 'image',
  version: 'version',
  setup: 'setup',
  maintenance: 'maintenance',
  verification: 'verification',
  note: 'note',
} as const satisfies Record<InspectionJson['proposal']['reasons'][number]['part'], string>

/** What a repository proposes, line by line with the reason. What is shown was written by anybody. */
export function renderProposal({ branch, commit, proposal }: InspectionJson, style: Style): string {
  const lines = proposal.reasons.flatMap(({ part, what, why, from }) => {
    const source = from === null || from === '' ? '' : ` (${neutraliseLine(from)})`
    return [
      `  ${LABELS[part].padEnd(14)}${style('cyan', neutraliseLine(what))}`,
      `  ${' '.repeat(14)}${style('dim', neutraliseLine(why) + source)}`,
    ]
  })
  const tasks = proposal.starterTasks.map(({ title }) => `  ${'starter task'.padEnd(14)}${neutraliseLine(title)}`)
  return [`Read ${neutraliseLine(branch)} at ${commit.slice(0, 10)}:`, ...lines, ...tasks].join('\n')
}
