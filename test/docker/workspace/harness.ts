import { limitedGit } from '../../../forge/git.ts'
import { join } from 'node:path'
import { createMirrors } from '../../../forge/mirror.ts'
import type { Mirrors, MirrorView, Remote } from '../../../forge/mirrors.ts'
import type { ExecSpec, Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { workspaceCalls } from '../../../runner/workspace/workspace-calls.ts'
import { IN_SANDBOX } from '../../../runner/workspace/workspace.ts'
import type { Base, Change } from '../../../runner/workspace/workspace.ts'
import { git, makeOrigin, temporaryFolder } from '../../support/git-fixture.ts'
import type { Origin } from '../../support/git-fixture.ts'
import { NEVER, sh, useEngine } from '../sandbox/harness.ts'

const PATH = process.env.PATH ?? ''
const { checkOut, settle, collect } = workspaceCalls({ git: limitedGit(PATH) })

/** An origin, the real mirrors on it, and real sandboxes. */
export function useWorkspaces(options: { path?: string } = {}) {
  const engine = useEngine()
  return {
    engine,
    open: (prepare?: (origin: Origin) => void) => openWorld(engine, { prepare, path: options.path ?? PATH }),
  }
}

export type World = Awaited<ReturnType<typeof openWorld>>

async function openWorld(
  engine: ReturnType<typeof useEngine>,
  { prepare, path }: { prepare?: ((origin: Origin) => void) | undefined; path: string },
) {
  const folder = temporaryFolder()
  const origin = makeOrigin(folder.path)
  prepare?.(origin)
  const mirrors = createMirrors({
    folder: join(folder.path, 'mirrors'),
    repositoryRoots: [folder.path],
    allowedHosts: [],
    path,
  })
  const remote: Remote = { forge: 'git', address: origin.bare }
  const view = await mirrors.open(remote, NEVER)
  const commit = view.refs.find(({ name }) => name === `refs/heads/${view.defaultBranch}`)?.commit ?? ''
  const base: Base = { commit, branch: view.defaultBranch }
  return {
    folder: folder.path,
    origin,
    mirrors,
    remote,
    view,
    base,
    started: (spec: Parameters<typeof engine.started>[0] = {}) =>
      engine.started({
        resources: { memoryMiB: 1024, cpus: 2, pids: 256, diskMiB: 2048 },
        mounts: [{ host: view.objects, target: IN_SANDBOX.mirrorObjects }],
        ...spec,
      }),
    publish: (change: Change, branch: string) => publish({ mirrors, remote, view, base }, change, branch),
    async [Symbol.asyncDispose]() {
      await view[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

type PublishDeps = { mirrors: Mirrors; remote: Remote; view: MirrorView; base: Base }

/** Commits and pushes a change as the runner does. Resolves to the commit. */
async function publish({ mirrors, remote, view, base }: PublishDeps, change: Change, branch: string): Promise<string> {
  const person = { name: 'Ada', email: 'ada@example.com' }
  const commit = await mirrors.commit(view, {
    tree: change.tree,
    parent: base.commit,
    message: 'Change',
    author: person,
    committer: person,
    date: new Date(1_700_000_000_000),
  })
  const pushed = await mirrors.push(view, remote, { commit, branch }, NEVER)
  if (pushed.kind !== 'pushed') throw new Error(`not pushed: ${JSON.stringify(pushed)}`)
  return commit
}

/** Checks out, and gathers what the log would show. */
export async function checkedOut(world: World, sandbox: Sandbox, base: Base = world.base): Promise<string> {
  let log = ''
  const onOutput = (_: string, chunk: Buffer) => void (log += chunk.toString())
  await checkOut({ sandbox, view: world.view, base, onOutput }, NEVER)
  return log
}

/** Leaves a checkout in order for a snapshot. */
export const settled = (world: World, sandbox: Sandbox): Promise<void> =>
  settle({ sandbox, view: world.view, base: world.base, onOutput: () => undefined }, NEVER)

export function collected(world: World, sandbox: Sandbox, signal = NEVER): Promise<Change> {
  return collect({ sandbox, view: world.view, base: world.base, onOutput: () => undefined }, signal)
}

/** Runs a script in /workspace as the agent; it must succeed. */
export async function agent(sandbox: Sandbox, script: string, changes: Partial<ExecSpec> = {}): Promise<string> {
  const { code, stdout, stderr } = await sh(sandbox, script, { cwd: IN_SANDBOX.workspace, ...changes })
  if (code !== 0) throw new Error(`script ended with ${code}: ${stderr}\n${script}`)
  return stdout
}

/** Mode and path of every file of a tree, each with its content's id; in an origin or any other repository. */
export function listTree(repository: string, tree: string): string[] {
  return git(repository, 'ls-tree', '-r', '--full-tree', tree).split('\n').filter(Boolean)
}
