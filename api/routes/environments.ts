import { z } from '@hono/zod-openapi'
import { administrates, decide } from '../../domain/access/decide.ts'
import type { Need } from '../../domain/access/decide.ts'
import type { Principal } from '../../domain/access/principal.ts'
import { wakeCaches } from '../../domain/environments/cache.ts'
import { assertUnderCeilings, underDefaults } from '../../domain/environments/ceilings.ts'
import {
  createEnvironment,
  deleteEnvironment,
  listEnvironments,
  readEnvironment,
  updateEnvironment,
} from '../../domain/environments/environments.ts'
import type { EnvironmentChange, EnvironmentView } from '../../domain/environments/environments.ts'
import { readSharing } from '../../domain/environments/sharing.ts'
import { nameRepositories } from '../../domain/environments/repositories.ts'
import { assertVersions } from '../../domain/environments/toolchains.ts'
import { DrydockError } from '../../domain/errors.ts'
import { findProvider } from '../../domain/providers/providers.ts'
import { parseRepository } from '../../domain/repositories/repositories.ts'
import { readSettings } from '../../domain/settings/settings.ts'
import type { RepositoryAddress } from '../../domain/repositories/repositories.ts'
import { assertAgent } from '../agents.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { parsePolicies } from '../policies.ts'
import { defineRoute } from '../route.ts'
import { assertMayOpen, noticeOf, sharingOf } from '../sharing.ts'
import type { SharingRequest } from '../sharing.ts'
import { body, json, line, problems } from '../schemas/common.ts'
import {
  ChangedEnvironmentSchema,
  EnvironmentChangeSchema,
  EnvironmentListSchema,
  EnvironmentSchema,
  NewEnvironmentSchema,
  environmentJson,
} from '../schemas/environment.ts'

const DEFAULT_IMAGE = 'universal'
const EDIT = { scope: 'read', object: { of: 'environment', to: 'edit' } } as const satisfies Need

const params = z.object({ id: line(64).openapi({ description: 'Id or name' }) })

const create = defineRoute({
  method: 'post',
  path: '/environments',
  needs: { scope: 'admin', permission: 'environments.manage' },
  audit: 'environment.create',
  request: { body: body(NewEnvironmentSchema) },
  responses: { 201: json('The new environment', EnvironmentSchema), ...problems },
})
const list = defineRoute({
  method: 'get',
  path: '/environments',
  needs: { scope: 'read' },
  responses: { 200: json('All environments by name', EnvironmentListSchema), ...problems },
})
const read = defineRoute({
  method: 'get',
  path: '/environments/{id}',
  needs: { scope: 'read', object: { of: 'environment', to: 'see' } },
  request: { params },
  responses: { 200: json('The environment', EnvironmentSchema), ...problems },
})
const update = defineRoute({
  method: 'patch',
  path: '/environments/{id}',
  needs: { scope: 'admin', object: { of: 'environment', to: 'edit' } },
  audit: 'environment.update',
  request: { params, body: body(EnvironmentChangeSchema) },
  responses: { 200: json('The environment with the changes', ChangedEnvironmentSchema), ...problems },
})
const remove = defineRoute({
  method: 'delete',
  path: '/environments/{id}',
  needs: { scope: 'admin', object: { of: 'environment', to: 'own' } },
  audit: 'environment.delete',
  request: { params },
  responses: { 204: { description: 'It is gone; its finished tasks stay' }, ...problems },
})

export function environmentRoutes(deps: ApiDeps) {
  return newRouter(deps)
    .openapi(create, async (c) => {
      const principal = c.get('principal')
      const { repository, repositories, policy, visibility, groups, collaborators, ...asked } = c.req.valid('json')
      if (asked.agent !== undefined) assertAgent(asked.agent)
      assertVersions(asked.versions ?? {}, asked.image ?? DEFAULT_IMAGE)
      await assertProvider(deps, asked.provider)
      const first = await checkedRepository(deps, repository)
      const parsed = {
        policy: parsePolicies(policy ?? null, { isAdmin: administrates(principal) }),
        repository: first,
        repositories: nameRepositories(first, await checkedRepositories(deps, repositories ?? [])),
        sharing: await sharingOf(deps, { visibility, groups, collaborators }, { principal }),
      }
      const workspace = await readSettings(deps.db)
      const settings = underDefaults(asked, workspace)
      assertMayOpen(parsed.policy, { principal, before: undefined, memberInternet: workspace.memberInternet })
      assertUnderCeilings(settings, workspace)
      const image = settings.image ?? DEFAULT_IMAGE
      const environment = await createEnvironment(deps.db, {
        ...settings,
        ...parsed,
        image,
        createdBy: principal.userId,
        by: principal,
      })
      return c.json(environmentJson(environment, await readSharing(deps.db, environment.id)), 201)
    })
    .openapi(list, async (c) => {
      const found = await listEnvironments(deps.db, c.get('principal'))
      return c.json({ data: found.map((each) => environmentJson(each)) }, 200)
    })
    .openapi(read, async (c) => {
      const id = c.get('objectId')
      const mayEdit = decide(c.get('principal'), EDIT, c.get('facts')) === 'allowed'
      const sharing = mayEdit ? await readSharing(deps.db, id) : undefined
      return c.json(environmentJson(await readEnvironment(deps.db, id), sharing), 200)
    })
    .openapi(update, async (c) => {
      const environment = await readEnvironment(deps.db, c.get('objectId'))
      const asker = { principal: c.get('principal'), facts: c.get('facts') }
      const { visibility, groups, collaborators, keepSecrets, ...settings } = c.req.valid('json')
      const sharing = await sharingOf(deps, { visibility, groups, collaborators, keepSecrets }, asker)
      const change = await settingsOf(deps, settings, { environment, principal: asker.principal })
      const changed = await updateEnvironment(deps.db, environment.id, {
        change: { ...change, sharing },
        by: asker.principal,
      })
      await wakeCaches(deps.db)
      const cleared = changed.clearedSecrets
      const shown = environmentJson(changed.environment, await readSharing(deps.db, environment.id))
      return c.json(
        { ...shown, ...(cleared.length > 0 && { clearedSecrets: cleared, notice: noticeOf(cleared) }) },
        200,
      )
    })
    .openapi(remove, async (c) => {
      await deleteEnvironment(deps.db, c.get('objectId'), c.get('principal'))
      return c.body(null, 204)
    })
}

/** A change as it is stored, once it is sure that it may be. */
export async function settingsOf(
  deps: ApiDeps,
  {
    repository,
    repositories,
    policy,
    ...settings
  }: Omit<z.output<typeof EnvironmentChangeSchema>, keyof SharingRequest>,
  { environment, principal }: { environment: Current; principal: Principal },
): Promise<EnvironmentChange> {
  if (settings.agent !== undefined) assertAgent(settings.agent)
  assertVersions(settings.versions ?? environment.versions, settings.image ?? environment.image)
  await assertProvider(deps, settings.provider)
  const first = repository === undefined ? undefined : await checkedRepository(deps, repository)
  const others = repositories && (await checkedRepositories(deps, repositories))
  // Also where only the first changes: it must not take the folder of another.
  const named = nameRepositories(first ?? environment.repository, others ?? environment.repositories)
  const parsed = {
    policy: policy === undefined ? undefined : parsePolicies(policy, { isAdmin: administrates(principal) }),
    repository: first,
    repositories: others && named,
  }
  const workspace = await readSettings(deps.db)
  const { memberInternet } = workspace
  if (parsed.policy) assertMayOpen(parsed.policy, { principal, before: environment.policy.agent, memberInternet })
  assertUnderCeilings(settings, workspace)
  return { ...settings, ...parsed }
}

type Current = Pick<EnvironmentView, 'image' | 'versions' | 'repository' | 'repositories' | 'policy'>

async function checkedRepositories(deps: ApiDeps, asked: readonly { repository: string; name?: string }[]) {
  const checked: (RepositoryAddress & { name: string | undefined })[] = []
  for (const { repository, name } of asked) checked.push({ ...(await checkedRepository(deps, repository)), name })
  return checked
}

export async function checkedRepository({ checkAddress }: ApiDeps, text: string): Promise<RepositoryAddress> {
  const repository = parseRepository(text)
  await checkAddress(repository.address)
  return repository
}

/** Rejects with `provider-not-found`. Environments name it by its name alone. */
async function assertProvider({ db }: ApiDeps, name: string | null | undefined): Promise<void> {
  if (name === null || name === undefined) return
  const provider = await findProvider(db, name)
  if (provider.name === name) return
  throw new DrydockError('provider-not-found', `Cannot find a provider of the name ${JSON.stringify(name)}`)
}
