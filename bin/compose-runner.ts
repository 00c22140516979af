import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Database } from '../domain/db.ts'
import type { Keyring } from '../domain/secrets/keyring.ts'
import { forgetTrees } from '../forge/forget-trees.ts'
import { gatherPacks } from '../forge/gather-packs.ts'
import type { RunGit } from '../forge/git.ts'
import { createGitHub } from '../forge/github.ts'
import { createMirrors } from '../forge/mirror.ts'
import { AGENTS } from '../runner/agent/agents.ts'
import { agentInstaller } from '../runner/agent/install.ts'
import type { AgentInstaller } from '../runner/agent/install.ts'
import { AttemptFailure } from '../runner/failure.ts'
import type { ManagedNetworks } from '../runner/network/networks.ts'
import type { RunnerDeps } from '../runner/runner-deps.ts'
import type { Engine } from '../runner/sandbox/engine.ts'
import { workspaceCalls } from '../runner/workspace/workspace-calls.ts'
import { packageRoot } from './config.ts'
import type { ServerConfig } from './config.ts'
import type { DataFolder } from './data-folder.ts'
import { githubOptions } from './github-options.ts'
import type { OwnImages } from './own-images.ts'
import type { LiveSettings } from './watch-settings.ts'

const ENGINE_LIMIT_MS = 5000

export type ComposeInput = {
  config: ServerConfig
  database: Database
  leases: Database
  engine: Engine
  images: OwnImages
  settings: LiveSettings
  folder: DataFolder
  logger: Logger
  roots: readonly string[]
  networks: ManagedNetworks
  keyring: Keyring
  git: RunGit
}

/** Puts the runner's parts together. */
export function composeRunner(input: ComposeInput): RunnerDeps {
  const { config, database, leases, engine, images, settings, folder, logger, roots, git } = input
  const { github } = config
  const mirrorsFolder = join(folder.path, 'mirrors')
  const { token } = github
  const forge = token === undefined ? undefined : createGitHub({ ...githubOptions(github), token })
  return {
    db: database.db,
    leaseDb: leases.db,
    client: database.client,
    engine,
    hostId: folder.installation,
    capacity: config.capacity,
    warmBounds: config.warm,
    logger,
    readyAgent: readyAgent(
      agentInstaller({
        folder: join(folder.path, 'agents'),
        manifest: join(packageRoot, 'images/agents'),
        platform: { os: process.platform, cpu: process.arch },
      }),
    ),
    networks: input.networks,
    workspacePolicy: settings.workspacePolicy,
    keyring: input.keyring,
    servedFolder: join(folder.path, 'served'),
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(folder.path)
      return bavail * bsize
    },
    images: { ownImage: images.ensure, allowedRegistries: async () => settings.allowedRegistries() },
    ownTags: images.tags,
    gatherPacks: () => gatherPacks({ folder: mirrorsFolder, git }),
    forgetTrees: (trees, keepsAny) => forgetTrees(trees, { folder: mirrorsFolder, git, keepsAny }),
    mirrors: createMirrors({
      folder: mirrorsFolder,
      repositoryRoots: roots,
      get allowedHosts() {
        return settings.gitAllowedHosts()
      },
      path: config.path,
      git,
      ...(github.webUrl && { githubUrl: github.webUrl }),
      ...(config.knownHosts && { knownHosts: config.knownHosts }),
    }),
    git,
    ...workspaceCalls({ git }),
    remoteOf: async ({ forge: kind, address }) => ({
      forge: kind,
      address,
      ...(kind === 'github' && token && { credential: { username: 'x-access-token', password: token } }),
    }),
    forgeOf: ({ forge: kind }) => (kind === 'github' ? forge : undefined),
    taskUrl: (taskId) => {
      const url = settings.publicUrl()
      return url && `${url.replace(/\/$/, '')}/tasks/${taskId}`
    },
    engineAnswers: () =>
      engine.ping(AbortSignal.timeout(ENGINE_LIMIT_MS)).then(
        () => true,
        () => false,
      ),
  }
}

const readyAgent =
  (installer: AgentInstaller): RunnerDeps['readyAgent'] =>
  async (id, onProgress, signal) => {
    const adapter = Object.values(AGENTS).find((agent) => agent.id === id)
    if (!adapter) throw new AttemptFailure('agent-unavailable', `Cannot run agent "${id}": there is no such agent`)
    if (adapter.id === 'command') return { adapter }
    return { adapter, program: (await installer.programs(onProgress, signal))[adapter.id] }
  }
