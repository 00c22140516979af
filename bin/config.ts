import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { TlsFiles } from '../api/tls.ts'
import { DrydockError } from '../domain/errors.ts'
import type { ConfiguredKeys } from './keyring.ts'

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
)

const ServerVars = z.object({
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .optional(),
  DRYDOCK_DATA: z.string().min(1).optional(),
  DRYDOCK_CAPACITY: z.coerce.number().int().min(1).max(1000).default(4),
  DRYDOCK_WARM_POOL: z.coerce.number().int().min(0).max(1000).default(4),
  DRYDOCK_WARM_EACH: z.coerce.number().int().min(1).max(1000).default(1),
  DRYDOCK_WARM_MEMORY_MIB: z.coerce.number().int().min(0).default(1024),
  DRYDOCK_DRAIN_SECONDS: z.coerce.number().min(0).default(10),
  DRYDOCK_REPOSITORY_ROOTS: list.optional(),
  DRYDOCK_GIT_ALLOWED_HOSTS: list.default([]),
  DRYDOCK_KNOWN_HOSTS: z.string().optional(),
  DRYDOCK_GITHUB_TOKEN: z.string().min(1).optional(),
  DRYDOCK_GITHUB_API: z.url().optional(),
  DRYDOCK_GITHUB_URL: z.url().optional(),
  DRYDOCK_PUBLIC_URL: z.url().optional(),
  DRYDOCK_TRUSTED_PROXIES: list.pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))).default([]),
  DRYDOCK_LOOPBACK_ISSUERS: z.stringbool().default(false),
  DRYDOCK_IMAGES: list.default([]),
  DRYDOCK_MASTER_KEY: list.default([]),
  DRYDOCK_MASTER_KEY_FILE: z.string().min(1).optional(),
  DRYDOCK_MASTER_KEY_COMMAND: z.string().min(1).optional(),
  DRYDOCK_TLS_CERT: z.string().min(1).optional(),
  DRYDOCK_TLS_KEY: z.string().min(1).optional(),
  DRYDOCK_MODEL_SOCKET: z.string().startsWith('/', 'must be an absolute path').optional(),
  DRYDOCK_SANDBOX_RANGE: z.cidrv4().default('10.213.0.0/16'),
  DRYDOCK_LOG: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  DOCKER_HOST: z.string().optional(),
  PATH: z.string().default('/usr/local/bin:/usr/bin:/bin'),
})

const KEY_SOURCES = ['DRYDOCK_MASTER_KEY_FILE', 'DRYDOCK_MASTER_KEY_COMMAND'] as const

const ServerEnv = ServerVars.refine(
  (vars) => KEY_SOURCES.filter((name) => vars[name]).length + Math.min(vars.DRYDOCK_MASTER_KEY.length, 1) <= 1,
  'DRYDOCK_MASTER_KEY, DRYDOCK_MASTER_KEY_FILE and DRYDOCK_MASTER_KEY_COMMAND exclude each other',
).refine(
  (vars) => (vars.DRYDOCK_TLS_CERT === undefined) === (vars.DRYDOCK_TLS_KEY === undefined),
  'DRYDOCK_TLS_CERT and DRYDOCK_TLS_KEY go together',
)

export type ServerConfig = Readonly<{
  databaseUrl: string | undefined
  dataDir: string
  capacity: number
  /** How many sandboxes wait, in all and for each environment in use. */
  warm: { most: number; least: number }
  drainMs: number
  repositoryRoots: readonly string[] | undefined
  gitAllowedHosts: readonly string[]
  knownHosts: string | undefined
  /** Without a token, people link their logins there, and nothing else is done. */
  github: { token: string | undefined; apiUrl: string | undefined; webUrl: string | undefined }
  publicUrl: string | undefined
  /** Whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[]
  /** Lets people sign in at http:// on this machine: for development. */
  loopbackIssuers: boolean
  /** Image names of ours and the tags to use, where they are not built from this folder. */
  images: ReadonlyMap<string, string>
  /** 32 bytes in base64 each, the current one first; nothing named: a file in the data folder. */
  masterKeys: ConfiguredKeys
  /** Certificate chain and private key, PEM; undefined: plain HTTP. */
  tls: TlsFiles | undefined
  /** Where a gateway hears people's own tools, for an api that does not share the runner's data folder. */
  modelSocket: string | undefined
  /** Where the networks of sandboxes come from. */
  sandboxRange: string
  logLevel: string
  dockerSocket: string
  path: string
}>

const SECOND = 1000
/** What a sandbox that waits is reckoned to take, the engine's processes for it included (`bench -- density`). */
const WARM_MIB = 16

/** Reads the server's configuration; one error names every fault. */
export function readServerConfig(env: NodeJS.ProcessEnv): ServerConfig {
  // `NAME=` in a file of settings means the same as no such line.
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = ServerEnv.safeParse(set)
  if (!parsed.success) {
    throw new DrydockError(
      'config-invalid',
      `Cannot start: the environment variables are wrong.\n${z.prettifyError(parsed.error)}`,
    )
  }
  const vars = parsed.data
  return {
    databaseUrl: vars.DATABASE_URL,
    dataDir: resolve(vars.DRYDOCK_DATA ?? defaultDataDir()),
    capacity: vars.DRYDOCK_CAPACITY,
    warm: {
      most: Math.min(vars.DRYDOCK_WARM_POOL, Math.floor(vars.DRYDOCK_WARM_MEMORY_MIB / WARM_MIB)),
      least: vars.DRYDOCK_WARM_EACH,
    },
    drainMs: vars.DRYDOCK_DRAIN_SECONDS * SECOND,
    repositoryRoots: vars.DRYDOCK_REPOSITORY_ROOTS,
    gitAllowedHosts: vars.DRYDOCK_GIT_ALLOWED_HOSTS,
    knownHosts: vars.DRYDOCK_KNOWN_HOSTS,
    github: { token: vars.DRYDOCK_GITHUB_TOKEN, apiUrl: vars.DRYDOCK_GITHUB_API, webUrl: vars.DRYDOCK_GITHUB_URL },
    publicUrl: vars.DRYDOCK_PUBLIC_URL,
    trustedProxies: vars.DRYDOCK_TRUSTED_PROXIES,
    loopbackIssuers: vars.DRYDOCK_LOOPBACK_ISSUERS,
    images: new Map(vars.DRYDOCK_IMAGES.map(nameAndTag)),
    masterKeys: {
      encoded: vars.DRYDOCK_MASTER_KEY,
      file: vars.DRYDOCK_MASTER_KEY_FILE,
      command: vars.DRYDOCK_MASTER_KEY_COMMAND,
    },
    tls:
      vars.DRYDOCK_TLS_CERT && vars.DRYDOCK_TLS_KEY
        ? { certificate: vars.DRYDOCK_TLS_CERT, key: vars.DRYDOCK_TLS_KEY }
        : undefined,
    modelSocket: vars.DRYDOCK_MODEL_SOCKET,
    sandboxRange: vars.DRYDOCK_SANDBOX_RANGE,
    logLevel: vars.DRYDOCK_LOG,
    dockerSocket: socketOf(vars.DOCKER_HOST),
    path: vars.PATH,
  }
}

export const defaultDataDir = () =>
  process.getuid?.() === 0 ? '/var/lib/drydock' : join(homedir(), '.local/share/drydock')

/** The folder with package.json, migrations/ and scripts/: this file runs from bin/ or from dist/bin/. */
export const packageRoot = (() => {
  const here = fileURLToPath(new URL('.', import.meta.url))
  return resolve(here, here.includes(`${join('dist', 'bin')}`) ? '../..' : '..')
})()

function nameAndTag(pair: string): [string, string] {
  const [name, tag] = pair.split('=')
  if (!name || !tag)
    throw new DrydockError('config-invalid', `Cannot read DRYDOCK_IMAGES: "${pair}" is not of the form name=tag`)
  return [name, tag]
}

function socketOf(dockerHost: string | undefined): string {
  if (dockerHost === undefined || dockerHost === '') return '/var/run/docker.sock'
  if (dockerHost.startsWith('unix://')) return dockerHost.slice('unix://'.length)
  throw new DrydockError(
    'config-invalid',
    `Cannot use DOCKER_HOST "${dockerHost}": the runner needs the engine of its own machine, by a unix:// socket`,
  )
}
