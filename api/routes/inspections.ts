import { setTimeout as delay } from 'node:timers/promises'
import { createRoute } from '@hono/zod-openapi'
import {
  INSPECTION_WAIT_MS,
  dropInspection,
  queueInspection,
  readInspection,
} from '../../domain/environments/inspections.ts'
import type { Inspected, InspectionState } from '../../domain/environments/inspections.ts'
import { DrydockError } from '../../domain/errors.ts'
import { authorize, newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { body, json, problems } from '../schemas/common.ts'
import { InspectionRequestSchema, InspectionSchema } from '../schemas/inspection.ts'
import { checkedRepository } from './environments.ts'

const POLL_MS = 200

const inspect = createRoute({
  method: 'post',
  path: '/repositories/inspect',
  request: { body: body(InspectionRequestSchema) },
  responses: { 200: json('What the default branch proposes for an environment', InspectionSchema), ...problems },
})

export function inspectionRoutes(deps: ApiDeps) {
  return newRouter().openapi(inspect, async (c) => {
    authorize(c, 'environments.write')
    const repository = await checkedRepository(deps, c.req.valid('json').repository)
    const id = await queueInspection(deps.db, repository)
    try {
      return c.json(await resultOf(deps, id, c.req.raw.signal), 200)
    } finally {
      await dropInspection(deps.db, id)
    }
  })
}

/** Waits for a runner's answer. Rejects with its failure, or with `runner-unavailable` when the time is over. */
async function resultOf(
  { db, inspectionWaitMs = INSPECTION_WAIT_MS }: ApiDeps,
  id: string,
  signal: AbortSignal,
): Promise<Inspected> {
  const until = performance.now() + inspectionWaitMs
  for (;;) {
    const found = await readInspection(db, id)
    if (found?.state === 'done') return found.result
    if (found?.state === 'failed') throw new DrydockError(found.failure.code, found.failure.message)
    if (performance.now() > until || signal.aborted) throw late(found)
    await delay(POLL_MS)
  }
}

function late(found: InspectionState | undefined): DrydockError {
  const state =
    found?.state === 'running'
      ? 'the runner is not done yet; the first look fetches the whole history. Try again in a moment'
      : 'no runner has taken it. See that one runs: drydock doctor'
  return new DrydockError('runner-unavailable', `Cannot look into the repository: ${state}`)
}
