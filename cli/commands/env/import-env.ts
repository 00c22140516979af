import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { parseDotenv } from '../../dotenv.ts'
import { usageError } from '../../errors.ts'
import { readFlagFile } from '../../flag-values.ts'

export const importEnv = defineCommand({
  name: 'env import-env',
  summary: 'Takes variables and secrets of an environment from a .env file.',
  positionals: ['FILE|-'],
  options: {
    env: { type: 'string', short: 'e', value: 'ID|NAME', help: 'the environment (needed)' },
    secret: { type: 'string', multiple: true, value: 'NAME', help: 'store this one as a secret' },
    'all-secret': { type: 'boolean', help: 'store all of them as secrets' },
    ...JSON_OPTION,
  },
  notes:
    'Variables are for the whole task, and everybody who may see the environment sees them. Secrets are for the set-up\n' +
    'phase only; the agent does not see them. What the file does not name stays.',
  examples: [
    'drydock env import-env .env --env shop --secret NPM_TOKEN',
    'drydock env import-env - --env shop --all-secret < .env',
  ],
  run: async ({ values, positionals: [path = ''] }, context) => {
    const { env, secret = [] } = values
    if (env === undefined) throw usageError('Cannot run "env import-env": --env is missing. See: drydock env list')
    const { stdin, cwd } = context
    const entries = parseDotenv(path === '-' ? await stdin.read() : ((await readFlagFile('FILE', { path, cwd })) ?? ''))
    if (entries.length === 0) throw usageError('Cannot import: the file sets no variable')
    const unknown = secret.find((name) => !entries.some((entry) => entry.name === name))
    if (unknown !== undefined) throw usageError(`Cannot use --secret ${unknown}: the file does not set it`)
    const isSecret = (name: string) => values['all-secret'] === true || secret.includes(name)
    const secrets = entries.filter(({ name }) => isSecret(name))
    const plain = entries.filter(({ name }) => !isSecret(name))
    const client = await createClient(context)
    if (plain.length > 0) {
      const { variables } = await client.readEnvironment(env)
      const added = Object.fromEntries(plain.map(({ name, value }) => [name, value]))
      await client.updateEnvironment(env, { variables: { ...variables, ...added } })
    }
    const notices = new Set<string>()
    for (const { name, value } of secrets)
      notices.add((await client.setSecret(env, name, { kind: 'setup', value })).notice)
    const names = { variables: plain.map(({ name }) => name), secrets: secrets.map(({ name }) => name) }
    if (values.json) writeJson(context, names)
    else say(context, [`Imported ${plain.length} variables and ${secrets.length} secrets.`, ...notices].join(' '))
    return 0
  },
})
