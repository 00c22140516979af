import { open } from 'node:fs/promises'
import { CAPS } from '../../domain/environments/limits.ts'
import { plainWords } from '../../forge/plain-text.ts'
import { AttemptFailure } from '../failure.ts'
import type { BaseTree } from './base-trees.ts'
import { COLLECT } from './collect-script.ts'
import { OBJECT_CAPS } from './limits.ts'
import { SHELL } from '../sandbox/shell.ts'
import { NOTHING_PRELOADED } from './sandbox-shell.ts'
import { IN_SANDBOX } from './workspace.ts'
import type { CollectInput } from './workspace.ts'

const MiB = 1024 * 1024
const MAX_HEADER_BYTES = 64
const MAX_WORDS_BYTES = 64 * 1024

/** What a sandbox says that it sent. Nothing of it is true before it is checked. */
export type Received = { tree: string; packBytes: number; left: string[]; nested: string[] }

type ReceiveInput = Pick<CollectInput, 'sandbox' | 'base' | 'at'> & { baseTree: BaseTree }

/** Collects inside the sandbox and writes the pack to a file, capped while it streams. */
export async function receive(
  { sandbox, base, baseTree, at = IN_SANDBOX }: ReceiveInput,
  packFile: string,
  signal: AbortSignal,
): Promise<Received> {
  await using file = await open(packFile, 'wx', 0o600)
  let header = ''
  let inHeader = true
  let packBytes = 0
  let words = Buffer.alloc(0)

  const take = async (chunk: Buffer) => {
    const end = inHeader ? chunk.indexOf(0x0a) : -1
    if (inHeader) {
      header += chunk.subarray(0, end < 0 ? chunk.length : end).toString('latin1')
      if (header.length > MAX_HEADER_BYTES) throw broken('it answered with something else than its result')
      inHeader = end < 0
    }
    if (inHeader) return
    const rest = chunk.subarray(end + 1)
    packBytes += rest.length
    if (packBytes > CAPS.packBytes) throw tooLarge(`it packs to more than ${CAPS.packBytes / MiB} MiB`)
    await file.appendFile(rest)
  }
  const { code } = await sandbox.exec(
    {
      command: [SHELL, '-c', COLLECT],
      user: 'root',
      env: {
        ...NOTHING_PRELOADED,
        DRYDOCK_WORKSPACE: at.workspace,
        DRYDOCK_GIT_DIR: at.gitDir,
        DRYDOCK_BASE: base.commit,
        DRYDOCK_BASE_TREE: baseTree.id,
        DRYDOCK_PLAIN: baseTree.isPlain ? '1' : '',
        DRYDOCK_MAX_BLOCKS: String(OBJECT_CAPS.fileBytes / 512),
        DRYDOCK_MAX_ENTRIES: String(CAPS.treeEntries),
      },
      onOutput: (stream, chunk) => {
        if (stream === 'stdout') return take(chunk)
        if (words.length < MAX_WORDS_BYTES) words = Buffer.concat([words, chunk]).subarray(0, MAX_WORDS_BYTES)
      },
    },
    signal,
  )
  const lines = words.toString('utf8').split('\n').filter(Boolean)
  if (code !== 0) throw broken(plainWords(lines.slice(-3).join(' ')) || `it ended with code ${code ?? 'unknown'}`)
  return { tree: treeOf(header, lines), packBytes, ...sorted(lines) }
}

function treeOf(header: string, lines: readonly string[]): string {
  if (header === 'large') {
    const names = plainWords(lines.slice(-3).join(', '))
    throw tooLarge(`a file is larger than ${OBJECT_CAPS.fileBytes / MiB} MiB: ${names}`)
  }
  if (header === 'many') throw tooLarge(`it adds more than ${CAPS.treeEntries} files`)
  const tree = /^tree ([0-9a-f]{40})$/.exec(header)?.[1]
  if (tree === undefined) throw broken('it gave no result')
  return tree
}

function sorted(lines: readonly string[]): Pick<Received, 'left' | 'nested'> {
  const nested = lines.flatMap((line) => /^nested (.*)\/\.git$/.exec(line)?.[1] ?? [])
  const left = lines.filter((line) => /^(error|warning|fatal): /.test(line)).map(plainWords)
  return { nested, left: left.length > 100 ? [...left.slice(0, 100), `… and ${left.length - 100} more`] : left }
}

function broken(what: string): AttemptFailure {
  return new AttemptFailure(
    'collect-failed',
    `Cannot collect the change: git in the sandbox did not work as it should: ${what}`,
  )
}

export function tooLarge(what: string): AttemptFailure {
  return new AttemptFailure(
    'diff-too-large',
    `Cannot collect the change: ${what}. Let the agent leave out what is not meant for the repository, or name it in .gitignore.`,
  )
}
