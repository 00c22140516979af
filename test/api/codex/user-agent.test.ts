import { expect, test } from 'vitest'
import { commandOf, productOf } from '../../../api/codex/user-agent.ts'

const CLI = 'codex_cli_rs/0.150.0 (Debian 12.0.0; x86_64) unknown'

test.each([
  [`${CLI} (codex_cloud_tasks_exec)`, 'cli', 'codex_cloud_tasks_exec'],
  [CLI, 'cli', undefined],
  [`${CLI} (codex_cloud_tasks_exec\u001b)`, 'cli', undefined],
  [`${CLI} (codex_cloud_tasks_${'x'.repeat(100)})`, 'cli', undefined],
  ['curl/8.0 (codex_cloud_tasks_exec)', 'api', undefined],
  ['not codex_cli_rs/0.150.0', 'api', undefined],
  [undefined, 'api', undefined],
])('a user agent %j is of the product %s and the command %s', (userAgent, product, command) => {
  expect([productOf(userAgent), commandOf(userAgent)]).toEqual([product, command])
})
