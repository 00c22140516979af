import { limitedGit } from '../../../forge/git.ts'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll } from 'vitest'
import { createMirrors } from '../../../forge/mirror.ts'
import type { MirrorView } from '../../../forge/mirrors.ts'
import { AttemptFailure } from '../../../runner/failure.ts'
import type { ExecSpec, Sandbox } from '../../../runner/sandbox/sandbox.ts'

import { workspaceCalls } from '../../../runner/workspace/workspace-calls.ts'
import { git, makeOrigin, temporaryFolder } from '../../support/git-fixture.ts'
import { NEVER } from '../sandbox/harness.ts'

// A compromised collector: whatever bytes it likes reach the host. Objects are written with git's own checks off.

export type Entry = { mode: string; name: string | Buffer; id: string }

type Forge = ReturnType<typeof openForge>

/** A scratch repository that sees the objects of another one and takes any bytes. */
function openForge(folder: string, objects: string) {
  const gitDir = join(folder, 'forge.git')
  const run = (args: string[], input?: Buffer | string) =>
    execFileSync('git', [`--git-dir=${gitDir}`, ...args], { input, maxBuffer: 2 ** 28 })
  execFileSync('git', ['init', '-q', '--bare', gitDir])
  mkdirSync(join(gitDir, 'objects', 'info'), { recursive: true })
  writeFileSync(join(gitDir, 'objects', 'info', 'alternates'), `${objects}\n`)
  const id = (out: Buffer) => out.toString('latin1').trim()
  const write = (type: string, content: Buffer | string) =>
    id(run(['hash-object', '-t', type, '-w', '--stdin', '--literally'], content))
  return {
    blob: (content: Buffer | string) => write('blob', content),
    commit: (content: string) => write('commit', content),
    tree: (entries: readonly Entry[]) =>
      write(
        'tree',
        Buffer.concat(
          entries.flatMap(({ mode, name, id: of }) => [
            Buffer.from(`${mode} `),
            Buffer.from(name),
            Buffer.from([0]),
            Buffer.from(of, 'hex'),
          ]),
        ),
      ),
    /** The entries of a tree that exists. */
    entries: (tree: string): Entry[] =>
      run(['ls-tree', tree])
        .toString()
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [, mode = '', of = '', name = ''] = /^(\d+) \w+ ([0-9a-f]+)\t(.*)$/.exec(line) ?? []
          return { mode: mode.replace(/^0/, ''), name, id: of }
        }),
    pack: (ids: readonly string[], flags: string[] = []) =>
      run(['pack-objects', '-q', '--stdout', ...flags], ids.join('\n') + '\n'),
  }
}

/** Sorted as git sorts: folders as if their names ended in a slash. */
export function inOrder(entries: readonly Entry[]): Entry[] {
  const key = ({ mode, name }: Entry) => Buffer.concat([Buffer.from(name), Buffer.from(mode === '40000' ? '/' : '')])
  return [...entries].sort((a, b) => Buffer.compare(key(a), key(b)))
}

/** What git does with a pack when nobody asks it to check: the positive control. Gives the entries of the tree. */
function plainGit(
  folder: string,
  { objects, pack, tree }: { objects: string; pack: Buffer; tree: string },
): string | undefined {
  const gitDir = join(folder, `plain-${Math.random().toString(36).slice(2)}.git`)
  execFileSync('git', ['init', '-q', '--bare', gitDir])
  mkdirSync(join(gitDir, 'objects', 'info'), { recursive: true })
  writeFileSync(join(gitDir, 'objects', 'info', 'alternates'), `${objects}\n`)
  const unpacked = spawnSync('git', [`--git-dir=${gitDir}`, 'index-pack', '--stdin'], {
    input: pack,
    maxBuffer: 2 ** 28,
  })
  if (unpacked.status !== 0) return undefined
  return spawnSync('git', [`--git-dir=${gitDir}`, 'ls-tree', '-t', tree]).stdout.toString()
}

/** A sandbox whose collector answers with given bytes. */
export function lyingSandbox(answer: {
  stdout: Buffer[] | (() => Iterable<Buffer>)
  stderr?: string
  code?: number | null
}): Sandbox {
  return {
    start: async () => undefined,
    killAll: async () => undefined,
    freeze: async () => undefined,
    thaw: async () => undefined,
    destroy: async () => undefined,
    commit: async () => ({ id: '', sizeBytes: 0 }),
    files: async () => Readable.from([]),
    changedAmong: async (paths) => new Set(paths),
    breached: new Promise(() => undefined),
    [Symbol.asyncDispose]: async () => undefined,
    async exec(spec: ExecSpec) {
      if (answer.stderr) await spec.onOutput?.('stderr', Buffer.from(answer.stderr))
      for (const chunk of Array.isArray(answer.stdout) ? answer.stdout : answer.stdout())
        await spec.onOutput?.('stdout', chunk)
      return { code: answer.code ?? 0 }
    },
  }
}

export const failure = async (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof AttemptFailure ? `${error.reason}: ${error.message}` : String(error)),
  )

/** A mirror with one commit, and all that it takes to send the host what an attacker likes. */
export function useTakenOver() {
  const path = process.env.PATH ?? ''
  const { collect } = workspaceCalls({ git: limitedGit(path) })
  const folder = temporaryFolder()
  let state: {
    view: MirrorView
    forge: Forge
    base: { commit: string; branch: string }
    entries: Entry[]
    blob: string
  }

  beforeAll(async () => {
    const origin = makeOrigin(folder.path)
    const commit = origin.commit({ 'a.txt': 'one\n', 'folder/b.txt': 'b\n' })
    const options = { folder: join(folder.path, 'mirrors'), repositoryRoots: [folder.path], allowedHosts: [], path }
    const view = await createMirrors(options).open({ forge: 'git', address: origin.bare }, NEVER)
    const forge = openForge(folder.path, view.objects)
    const entries = forge.entries(git(origin.bare, 'rev-parse', `${commit}^{tree}`))
    state = { view, forge, base: { commit, branch: 'main' }, entries, blob: forge.blob('new\n') }
  })
  afterAll(async () => {
    await state.view[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  return {
    get forge() {
      return state.forge
    },
    get base() {
      return state.base
    },
    get blob() {
      return state.blob
    },
    file: (name: string | Buffer, mode = '100644'): Entry => ({ mode, name, id: state.blob }),
    /** The base tree with entries of the attacker's choice; and a pack of all that is new. */
    crafted: (extra: Entry[], options: { order?: (entries: Entry[]) => Entry[]; ids?: string[] } = {}) => {
      const entries = [...state.entries.filter(({ name }) => !extra.some((each) => each.name === name)), ...extra]
      const tree = state.forge.tree((options.order ?? inOrder)(entries))
      return { tree, pack: state.forge.pack([...new Set([tree, ...(options.ids ?? [state.blob])])]) }
    },
    plain: (pack: Buffer, tree: string) => plainGit(folder.path, { objects: state.view.objects, pack, tree }),
    collectFrom: (sandbox: Sandbox) =>
      collect({ sandbox, view: state.view, base: state.base, onOutput: () => undefined }, NEVER),
    sends: (tree: string, pack: Buffer) => lyingSandbox({ stdout: [Buffer.from(`tree ${tree}\n`), pack] }),
    packsOf: () => readdirSync(join(state.view.store, 'objects', 'pack')),
    leftovers: () => readdirSync(state.view.store).filter((name) => name.startsWith('quarantine')),
  }
}
