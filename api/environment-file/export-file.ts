import { stringify } from 'yaml'
import type { EnvironmentView } from '../../domain/environments/environments.ts'
import { PLAIN, PROPOSED } from './file-schema.ts'
import { inFile } from './repositories.ts'

/** An environment as the text of its file. Reading it back plans no change; secrets are there by name only. */
export function exportEnvironment(environment: EnvironmentView, secretNames: readonly string[]): string {
  const said = Object.entries({ ...PLAIN, ...PROPOSED })
    .map(([name, field]) => [name, field === 'repositories' ? inFile(environment) : environment[field]] as const)
    .filter(([, value]) => !isNothing(value))
  const secrets = secretNames.length > 0 ? { secrets: [...secretNames] } : {}
  return stringify({ ...Object.fromEntries(said), ...secrets }, { lineWidth: 0 })
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
