import { and, asc, eq, getTableColumns, inArray, isNull, or, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { Viewer } from '../access/principal.ts'
import type { Actor } from '../audit/actions.ts'
import { changedFields } from '../audit/changed.ts'
import { recordAudit } from '../audit/record.ts'
import { mayUse, mayUsePlaceholder, viewerValues } from '../access/relation.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { prepared } from '../prepared.ts'
import { ensureRepository } from '../repositories/repositories.ts'
import type { RepositoryAddress } from '../repositories/repositories.ts'
import { attempts, environments, repositories } from '../schema.ts'
import { environmentSecrets } from '../schema/secrets.ts'
import { refusingTakenName } from '../taken-name.ts'
import { OPEN_STATES } from '../tasks/attempt.ts'
import { withoutUndefined } from '../without-undefined.ts'
import { auditedEnvironment, environmentTarget } from './audited.ts'
import type { NamedRepository, OtherRepository } from './repositories.ts'
import { assertNoSecrets } from './secrets.ts'
import { changeSharing } from './sharing.ts'
import type { SharingChange } from './sharing.ts'

const SUGGESTED_NAMES = 5

type Row = typeof environments.$inferSelect
/** What a person decides about an environment; everything but the name and the repository has a default. */
export type EnvironmentSettings = Pick<
  Row,
  | 'description'
  | 'image'
  | 'agent'
  | 'agentScript'
  | 'agentUser'
  | 'setupScript'
  | 'maintenanceScript'
  | 'variables'
  | 'policy'
  | 'publish'
  | 'holdFlagged'
  | 'publishUnlinked'
  | 'resources'
  | 'limits'
  | 'maxRunning'
  | 'model'
  | 'provider'
  | 'budgetTokens'
  | 'versions'
  | 'verification'
  | 'starterTasks'
  | 'services'
>
export type EnvironmentChange = { [K in keyof EnvironmentSettings]?: EnvironmentSettings[K] | undefined } & {
  name?: string | undefined
  repository?: RepositoryAddress | undefined
  /** Those besides the first, in place of the ones that there are. */
  repositories?: readonly NamedRepository[] | undefined
  sharing?: SharingChange | undefined
}
/** `apply`: its repository's file said so, and somebody took it over. */
export type EnvironmentUpdate = {
  change: EnvironmentChange
  by: Actor
  action?: 'environment.update' | 'environment.apply'
}
export type NewEnvironment = EnvironmentChange & {
  name: string
  image: string
  repository: RepositoryAddress
  createdBy: string
  by: Actor
}
export type EnvironmentView = Omit<Row, 'repositoryId' | 'deletedAt'> & {
  repository: RepositoryAddress & { id: string }
}

// eslint-disable-next-line @typescript-eslint/no-unused-vars -- taken out of what people see
const { repositoryId, deletedAt, ...ownColumns } = getTableColumns(environments)
const viewColumns = {
  ...ownColumns,
  repository: { id: repositories.id, forge: repositories.forge, address: repositories.address },
}

/** Makes an environment; its repository is recorded with it. Rejects with `name-taken`. */
export async function createEnvironment(db: Db, input: NewEnvironment): Promise<EnvironmentView> {
  const id = newId()
  const { repository, repositories: others, sharing, by, ...values } = withoutUndefined(input)
  await refusingTakenName({ what: 'environment', name: input.name }, () =>
    db.transaction(async (tx) => {
      const repositoryId = await ensureRepository(tx, repository)
      await tx.insert(environments).values({ ...values, id, repositoryId, ...(await recorded(tx, others)) })
      if (sharing) await changeSharing(tx, id, sharing)
      const target = { kind: 'environment', id, name: input.name }
      await recordAudit(tx, { by, action: 'environment.create', target, after: await auditedEnvironment(tx, id) })
    }),
  )
  return readEnvironment(db, id)
}

/**
 * Changes what is named and leaves the rest. Tasks that run keep what they started with. Says which secrets were cleared,
 * since more people may use the environment.
 */
export async function updateEnvironment(
  db: Db,
  id: string,
  { change, by, action = 'environment.update' }: EnvironmentUpdate,
): Promise<{ environment: EnvironmentView; clearedSecrets: string[] }> {
  const { repository, repositories: others, sharing, ...values } = withoutUndefined(change)
  const clearedSecrets = await refusingTakenName({ what: 'environment', name: change.name ?? '' }, () =>
    db.transaction(async (tx) => {
      await tx.select({ id: environments.id }).from(environments).where(eq(environments.id, id)).for('no key update')
      const [before, target] = [await auditedEnvironment(tx, id), await environmentTarget(tx, id)]
      const moved = repository === undefined ? {} : { repositoryId: await ensureRepository(tx, repository) }
      await tx
        .update(environments)
        .set({ ...values, ...moved, ...(await recorded(tx, others)), updatedAt: sql`now()` })
        .where(eq(environments.id, id))
      const cleared = sharing ? await changeSharing(tx, id, sharing) : []
      if (values.variables) await assertNoSecrets(tx, id, values.variables)
      const changed = changedFields(before, await auditedEnvironment(tx, id))
      const after = { ...changed?.after, ...(cleared.length > 0 && { clearedSecrets: cleared }) }
      if (changed) await recordAudit(tx, { by, action, target, before: changed.before, after })
      return cleared
    }),
  )
  return { environment: await readEnvironment(db, id), clearedSecrets }
}

/** The repositories besides the first, as the environment keeps them. */
async function recorded(
  db: Executor,
  others: readonly NamedRepository[] | undefined,
): Promise<{ repositories?: OtherRepository[] }> {
  if (others === undefined) return {}
  const found: OtherRepository[] = []
  for (const other of others) found.push({ ...other, id: await ensureRepository(db, other) })
  return { repositories: found }
}

/** The environment of an id that was found before. */
export async function readEnvironment(db: Executor, id: string): Promise<EnvironmentView> {
  const [found] = await select(db, eq(environments.id, id))
  if (found === undefined)
    throw new DrydockError('environment-not-found', `Cannot read environment "${id}": it is gone`)
  return found
}

/** Finds an environment by id or name among those that a person may use. Rejects with `environment-not-found`. */
export async function findEnvironment(db: Executor, viewer: Viewer, idOrName: string): Promise<EnvironmentView> {
  const rows = await selectNamed(db).execute({ idOrName, ...viewerValues(viewer) })
  const found = rows.find((row) => row.id === idOrName) ?? rows[0]
  if (found === undefined) throw await environmentNotFound(db, viewer, idOrName)
  return found
}

/** The environments that a person may use, by name. */
export async function listEnvironments(db: Executor, viewer: Viewer): Promise<EnvironmentView[]> {
  return select(db, mayUse(viewer))
}

/** Deletes an environment and its secrets: its finished tasks stay readable, its name is free. Rejects while attempts are open. */
export async function deleteEnvironment(db: Db, id: string, by: Actor): Promise<void> {
  await db.transaction(async (tx) => {
    // Creating a task takes a key share lock on this row, so no task slips in between the look and the deletion.
    await tx.select({ id: environments.id }).from(environments).where(eq(environments.id, id)).for('update')
    const [open] = await tx
      .select({ taskId: attempts.taskId })
      .from(attempts)
      .where(and(eq(attempts.environmentId, id), inArray(attempts.state, [...OPEN_STATES])))
      .limit(1)
    if (open !== undefined) {
      throw new DrydockError(
        'environment-in-use',
        `Cannot delete environment "${id}": task "${open.taskId}" is still open. Cancel it or wait for its end`,
      )
    }
    await tx
      .update(environments)
      .set({ deletedAt: sql`now()` })
      .where(eq(environments.id, id))
    const secrets = await tx
      .delete(environmentSecrets)
      .where(eq(environmentSecrets.environmentId, id))
      .returning({ name: environmentSecrets.name })
    await recordAudit(tx, {
      by,
      action: 'environment.delete',
      target: await environmentTarget(tx, id),
      before: { secrets: secrets.map(({ name }) => name).toSorted() },
    })
  })
}

const select = (db: Executor, condition: SQL | undefined) =>
  db
    .select(viewColumns)
    .from(environments)
    .innerJoin(repositories, eq(repositories.id, environments.repositoryId))
    .where(and(isNull(environments.deletedAt), condition))
    .orderBy(asc(environments.name))

const selectNamed = (db: Executor) =>
  prepared(db, 'environmentsNamed', (on) => {
    const named = sql.placeholder('idOrName')
    const isNamed = or(eq(environments.id, named), eq(environments.name, named))
    return select(on, and(isNamed, mayUsePlaceholder())).prepare('environmentsNamed')
  })

/** The answer to who asked for an environment that is not there for them, naming some that are. */
export async function environmentNotFound(db: Executor, viewer: Viewer, idOrName: string): Promise<DrydockError> {
  const names = await db
    .select({ name: environments.name })
    .from(environments)
    .where(and(isNull(environments.deletedAt), mayUse(viewer)))
    .orderBy(asc(environments.name))
    .limit(SUGGESTED_NAMES + 1)
  const listed = names.slice(0, SUGGESTED_NAMES).map(({ name }) => `"${name}"`)
  const known =
    listed.length === 0
      ? 'There are none yet: create one with "drydock env create"'
      : `There is ${listed.join(', ')}${names.length > SUGGESTED_NAMES ? ' and others' : ''}`
  return new DrydockError('environment-not-found', `Cannot find environment ${JSON.stringify(idOrName)}. ${known}`)
}
