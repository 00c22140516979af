import type { EnvironmentPlanJson } from '../api/schemas/environment-file.ts'
import { clip, neutralise, neutraliseLine } from './terminal.ts'
import type { Style } from './terminal.ts'

const VALUE_CHARACTERS = 4000

/** A plan for reading: what apply takes over, and in a block of its own what it only proposes. */
export function renderPlan(plan: EnvironmentPlanJson, style: Style): string {
  const { commit, branch, changes, proposals, missingSecrets } = plan
  return [
    `.drydock/environment.yml of ${neutraliseLine(branch)} at ${commit.slice(0, 10)}`,
    ...(changes.length === 0 ? ['', 'Nothing differs from the environment.'] : []),
    ...changes.flatMap((change) => ['', ...lines(change, style)]),
    ...(proposals.length === 0
      ? []
      : ['', style('yellow', 'Proposals, taken over only with --accept FIELD:')].concat(
          proposals.flatMap((change) => ['', ...lines(change, style)]),
        )),
    ...(missingSecrets.length === 0 ? [] : ['', `Secrets that are missing: ${missingSecrets.join(', ')}`]),
  ].join('\n')
}

function lines({ field, from, to }: EnvironmentPlanJson['changes'][number], style: Style): string[] {
  return [
    style('bold', field),
    ...valueLines(from).map((line) => style('red', `  - ${line}`)),
    ...valueLines(to).map((line) => style('green', `  + ${line}`)),
  ]
}

function valueLines(value: unknown): string[] {
  if (value === null || value === undefined || value === '') return []
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return neutralise(clip(text.trimEnd(), VALUE_CHARACTERS)).split('\n')
}
