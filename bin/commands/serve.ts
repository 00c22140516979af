import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { JSON_OPTION, defineCommand } from '../../cli/command.ts'
import { say, writeJson } from '../../cli/context.ts'
import { usageError } from '../../cli/errors.ts'
import { prepareMachine } from '../prepare-machine.ts'
import { ROOT } from '../root.ts'

const ROLES = ['all', 'api', 'runner'] as const
type Role = (typeof ROLES)[number]
const DEFAULT_PORT = 7070

export const serve = defineCommand({
  name: 'serve',
  summary: "Runs the server until Ctrl-C. The first start writes the administrator's token into the data folder.",
  positionals: [],
  options: {
    role: { type: 'string', value: 'ROLE', help: 'all (default), api, or runner' },
    port: {
      type: 'string',
      short: 'p',
      value: 'PORT',
      help: `where the api listens (default ${DEFAULT_PORT}; 0: any free one)`,
    },
    host: { type: 'string', value: 'ADDRESS', help: 'the address it listens on (default 127.0.0.1)' },
    data: {
      type: 'string',
      value: 'DIR',
      help: 'data folder (default ~/.local/share/drydock, as root /var/lib/drydock)',
    },
    'repository-root': {
      type: 'string',
      multiple: true,
      value: 'DIR',
      help: 'a folder below which repositories may lie',
    },
    ...JSON_OPTION,
  },
  notes: [
    'Without DATABASE_URL the server starts a PostgreSQL container of its own and keeps its data in a volume.',
    'With --json it prints {"url","dataDir","adminTokenFile"} once it is ready, and goes on.',
  ].join('\n'),
  examples: ['drydock serve', 'drydock serve --port 8080 --data ~/drydock', 'drydock serve --role runner'],
  run: async ({ values }, context) => {
    const role = parseRole(values.role)
    const port = parsePort(values.port)
    // The api alone needs no engine when its database is somewhere else.
    if (role !== 'api' || context.env.DATABASE_URL === undefined) await prepareMachine(ROOT, context.env)
    const { startServer } = await import('../serve.ts')
    const { readServerConfig } = await import('../config.ts')
    const config = readServerConfig(context.env)
    const roots = values['repository-root']?.map((folder) => resolve(context.cwd, folder))
    const server = await startServer({
      config: {
        ...config,
        ...(values.data !== undefined && { dataDir: resolve(context.cwd, values.data) }),
        ...(roots !== undefined && { repositoryRoots: roots }),
      },
      role,
      port,
      host: values.host ?? '127.0.0.1',
      // An api that shares a database needs no folder, unless one is named: then that gets the token.
      diskless: role === 'api' && config.databaseUrl !== undefined && !values.data && !context.env.DRYDOCK_DATA,
    })
    const adminTokenFile = server.adminToken === undefined ? null : join(server.dataDir, 'admin-token')
    const where = server.url === undefined ? 'The runner takes tasks.' : `Drydock listens on ${server.url}`
    const token = adminTokenFile === null ? "in the runner's data folder" : `in ${adminTokenFile}`
    say(context, `${where}\nThe administrator's token is ${token}\nStop it with Ctrl-C.`)
    if (values.json) writeJson(context, { url: server.url ?? null, dataDir: server.dataDir, adminTokenFile })
    if (!context.signal.aborted) await once(context.signal, 'abort')
    say(context, 'Stopping …')
    await server.close()
    return 0
  },
})

function parseRole(text = 'all'): Role {
  const role = ROLES.find((name) => name === text)
  if (role === undefined)
    throw usageError(`Cannot use --role ${JSON.stringify(text)}: it is one of ${ROLES.join(', ')}`)
  return role
}

function parsePort(text = String(DEFAULT_PORT)): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw usageError(`Cannot use --port ${JSON.stringify(text)}: it is not a number from 0 to 65535`)
}
