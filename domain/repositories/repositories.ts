import { asc, eq, and, sql } from 'drizzle-orm'
import type { Viewer } from '../access/principal.ts'
import { mayUse } from '../access/relation.ts'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { repositories } from '../schema.ts'

const OWNER_AND_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/
const URL_FORM = /^(https?|ssh):\/\/\S+$/
const SCP_FORM = /^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:\S+$/

export type RepositoryAddress = { forge: 'git' | 'github'; address: string }
export type RepositoryView = RepositoryAddress & { id: string; defaultBranch: string | null; createdAt: Date }

/** Tells `owner/name` on GitHub from a path or URL for plain git. Rejects with `repository-refused` what is none of them. */
export function parseRepository(text: string): RepositoryAddress {
  const address = text.trim()
  if (OWNER_AND_NAME.test(address)) return { forge: 'github', address }
  if (URL_FORM.test(address)) {
    assertNoCredential(address)
    return { forge: 'git', address }
  }
  if (address.startsWith('/') || SCP_FORM.test(address)) return { forge: 'git', address }
  throw new DrydockError(
    'repository-refused',
    `Cannot use repository ${JSON.stringify(address.slice(0, 200))}: give an absolute path, an http, https or ssh URL, or owner/name for GitHub`,
  )
}

/** The last part of an address, without `.git`. */
export function repositoryName(address: string): string {
  const last = address.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? ''
  return last.replace(/\.git$/, '').replace(/[^\w.-]/g, '-') || 'repository'
}

/** Finds the repository of an address, or records it. */
export async function ensureRepository(db: Executor, { forge, address }: RepositoryAddress): Promise<string> {
  await db.insert(repositories).values({ id: newId(), forge, address }).onConflictDoNothing()
  const [row] = await db
    .select({ id: repositories.id })
    .from(repositories)
    .where(and(eq(repositories.forge, forge), eq(repositories.address, address)))
  if (row === undefined) throw new Error('the repository was removed while it was recorded')
  return row.id
}

/** The repositories of the environments that a person may use; all for who may use all. */
export async function listRepositories(db: Executor, viewer: Viewer): Promise<RepositoryView[]> {
  const usable = mayUse(viewer)
  const isUsed =
    usable &&
    sql`exists (select 1 from environments where environments.deleted_at is null and ${usable}
    and (environments.repository_id = repositories.id
      or environments.repositories @> jsonb_build_array(jsonb_build_object('id', repositories.id))))`
  return db.select().from(repositories).where(isUsed).orderBy(asc(repositories.address))
}

/** Credentials in an address would end up in a row, a log and an error (R5). An ssh user name is none. */
function assertNoCredential(address: string): void {
  const authority = /^[a-z]+:\/\/([^/?#]*)@/.exec(address)?.[1]
  const isSshUser = address.startsWith('ssh://') && authority !== undefined && !authority.includes(':')
  if (authority !== undefined && !isSshUser) {
    throw new DrydockError(
      'repository-refused',
      'Cannot use this repository address: it holds a user name or password. Leave them out',
    )
  }
}
