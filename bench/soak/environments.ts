import { GITHUB_REPOSITORY } from '../fault/world.ts'
import type { World } from '../fault/world.ts'
import type { StubbornClient } from '../support/stubborn-client.ts'

export const ENVIRONMENTS = ['branch', 'setup', 'network', 'pull-request'] as const
export type EnvironmentName = (typeof ENVIRONMENTS)[number]

/** A prompt is `what key seconds`; the change of a turn is the prompts of all turns so far. */
const SCRIPT = `set -eu
echo "working on $TASK_PROMPT"
sleep "\${TASK_PROMPT##* }"
echo "$TASK_PROMPT" >> result.txt
`
const SETUP = 'date > /opt/ready; sleep 0.3\n'
const MAINTENANCE = 'test -s /opt/ready\n'
const POLICIES = ['allowed.example', 'other.example'].map((host) => ({ agent: { preset: 'none', allow: [{ host }] } }))

/** Makes the environments in which tasks run, each with something of its own. */
export async function makeEnvironments(client: StubbornClient, world: World): Promise<void> {
  const common = { image: 'base', publish: 'branch', agentScript: SCRIPT, maxRunning: 100 }
  const own: Record<EnvironmentName, object> = {
    branch: { repository: world.origin },
    setup: { repository: world.origin, setupScript: SETUP, maintenanceScript: MAINTENANCE },
    network: { repository: world.origin, policy: POLICIES[0] },
    'pull-request': { repository: GITHUB_REPOSITORY, publish: 'pull-request' },
  }
  for (const name of ENVIRONMENTS)
    await client.ask((at) => at.send('POST', '/environments', { ...common, ...own[name], name }))
}

/** What administrators do while tasks run. */
export const CHANGES: readonly ((client: StubbornClient, n: number) => Promise<string>)[] = [
  (client) => client.ask((at) => at.send('POST', '/environments/setup/reset-cache')),
  (client) => client.ask((at) => at.send('POST', '/environments/setup/refresh')),
  (client, n) => client.ask((at) => at.send('PATCH', '/environments/network', { policy: POLICIES[n % 2] })),
  (client, n) => client.ask((at) => at.send('PATCH', '/environments/branch', { variables: { N: String(n) } })),
  (client, n) => client.ask((at) => at.send('PATCH', '/environments/setup', { setupScript: `${SETUP}# ${n % 3}\n` })),
]
