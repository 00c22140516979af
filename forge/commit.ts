import type { CommitInput } from './mirrors.ts'
import type { RunGit } from './git.ts'
import { UNSEEN } from './plain-text.ts'

const OBJECT_ID = /^[0-9a-f]{40}$/

/** Writes a commit into a store. Nothing of the machine enters it, so that the same input gives the same id. */
export async function makeCommit(
  git: RunGit,
  { store, input }: { store: string; input: CommitInput },
): Promise<string> {
  if (!OBJECT_ID.test(input.tree) || !OBJECT_ID.test(input.parent)) throw new Error('Cannot commit: not an object id')
  const date = `@${Math.floor(input.date.getTime() / 1000)} +0000`
  const made = await git(['commit-tree', input.tree, '-p', input.parent, '-F', '-'], {
    gitDir: store,
    env: {
      GIT_AUTHOR_NAME: identity(input.author.name, 'Drydock'),
      GIT_AUTHOR_EMAIL: identity(input.author.email, 'drydock@localhost').replaceAll(' ', ''),
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: identity(input.committer.name, 'Drydock'),
      GIT_COMMITTER_EMAIL: identity(input.committer.email, 'drydock@localhost').replaceAll(' ', ''),
      GIT_COMMITTER_DATE: date,
    },
    config: ['i18n.commitEncoding=UTF-8'],
    stdin: input.message.replaceAll('\0', ''),
  })
  const id = made.stdout.toString('latin1').trim()
  if (made.code !== 0 || !OBJECT_ID.test(id)) throw new Error(`Cannot commit: git says ${made.stderr}`)
  return id
}

/** A name or e-mail that cannot break out of its header line. */
export function identity(text: string, fallback: string): string {
  const plain = text
    .toWellFormed()
    .replace(UNSEEN, ' ')
    .replace(/[<>\s]+/g, ' ')
    .trim()
  return /[\p{L}\p{N}]/u.test(plain) ? plain.slice(0, 200) : fallback
}
