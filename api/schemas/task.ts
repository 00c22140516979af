import { z } from '@hono/zod-openapi'
import { ATTEMPT_STATES, PHASES, PUBLISH_STATES } from '../../domain/tasks/attempt.ts'
import { CONTENT_KINDS, REMOVAL_CAUSES, removedBecause } from '../../domain/retention/kinds.ts'
import type { TaskHead, TaskView } from '../../domain/tasks/read.ts'
import { CAPS } from '../../domain/environments/limits.ts'
import { BranchName, Seq, line, text } from './common.ts'
import { NetworkSchema } from './ledger.ts'

const PROMPT_CHARACTERS = 4 * 1024 * 1024
const MAX_ATTEMPTS = 4
const PAGE = 50
const MAX_PAGE = 100

const state = z.enum(ATTEMPT_STATES)
const count = z.int().min(0)

const prompt = text(PROMPT_CHARACTERS).refine((value) => value.trim() !== '', 'must not be empty')

/** Pictures in base64; of which type they are is seen from their bytes. */
const images = z
  .array(
    z.strictObject({
      data: z
        .string()
        .max(Math.ceil(CAPS.imageBytes / 3) * 4, `must be a picture of at most ${CAPS.imageBytes / 1024 / 1024} MiB`)
        .refine(isBase64, 'must be a picture in base64')
        .openapi({ description: 'PNG, JPEG, GIF or WebP in base64' }),
    }),
  )
  .max(CAPS.images)

export const NewTaskSchema = z
  .strictObject({
    environment: line(64).openapi({ description: 'Id or name' }),
    mode: z.enum(['ask', 'code']),
    prompt,
    images: images.optional(),
    startingDiff: text(CAPS.startingDiffBytes)
      .refine((patch) => patch.trim() !== '', 'must not be empty')
      .optional()
      .openapi({ description: 'A patch on the commit that the task starts from; the diff of the task contains it' }),
    branch: BranchName.optional(),
    attempts: z.int().min(1).max(MAX_ATTEMPTS).default(1),
    agent: line(64).optional(),
    title: line(200).optional(),
  })
  .openapi('NewTask')

export const NewTurnSchema = z
  .strictObject({
    prompt,
    images: images.optional(),
    attempt: z
      .int()
      .min(1)
      .max(MAX_ATTEMPTS)
      .optional()
      .openapi({ description: 'The attempt of the last turn to go on from; default: the one that succeeded' }),
  })
  .openapi('NewTurn')

export const NewTaskHeaders = z.object({
  'idempotency-key': line(255).optional(),
  'x-drydock-product': z.enum(['cli', 'api', 'web']).default('api'),
})

export const TaskQuery = z.strictObject({
  cursor: line(200).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(PAGE),
  environment: line(64).optional(),
  state: state.optional(),
})

export const EventQuery = z.strictObject({ after: Seq.optional() })
export const EventHeaders = z.object({ 'last-event-id': Seq.optional() })

export const PublishSchema = z.strictObject({ confirmFlagged: z.boolean().default(false) }).openapi('PublishRequest')

export const DiffQuery = z.strictObject({
  repository: line(64)
    .optional()
    .openapi({ description: 'The folder of one of several repositories; default: the first' }),
})

const Publish = z.object({ state: z.enum(PUBLISH_STATES), reason: z.string().nullable() })
const PullRequest = z.object({ number: z.int(), url: z.string() }).nullable()
const Diff = z.object({ files: count, additions: count, deletions: count })
const Flagged = z.array(z.object({ path: z.string(), why: z.string() }))
const Change = z
  .object({
    repository: z.string().openapi({ description: 'Its folder below /workspace' }),
    address: z.string(),
    baseBranch: z.string(),
    baseCommit: z.string(),
    branch: z.string().nullable(),
    commit: z.string().nullable(),
    stats: Diff,
    flagged: Flagged,
    publish: Publish,
    pullRequest: PullRequest,
  })
  .openapi('RepositoryChange')

export const AttemptSchema = z
  .object({
    id: z.string(),
    n: count,
    state,
    reason: z.string().nullable(),
    message: z.string().nullable(),
    phases: z.array(z.object({ phase: z.enum(PHASES), ms: z.number() })),
    answer: z.string().nullable(),
    diff: Diff.nullable(),
    flagged: Flagged,
    branch: z.string().nullable(),
    commit: z.string().nullable(),
    pullRequest: PullRequest,
    publish: Publish,
    changes: z.array(Change).exactOptional().openapi({
      description:
        'Where the environment has several repositories: what came of each. Diff, flagged files, branch, commit and pull request of the attempt are those of the first; its publishing is that of all',
    }),
    usage: z.object({ inputTokens: count, outputTokens: count, seconds: count }),
    start: z
      .object({
        cache: z.enum(['hit', 'miss', 'none']),
        reason: z.string(),
        sandbox: z.enum(['warm', 'cold']),
        snapshot: z.string().exactOptional(),
      })
      .nullable()
      .openapi({ description: 'From what it was started, and why; null before that' }),
    startedAt: z.iso.datetime().nullable(),
    agentVersion: z.string().nullable(),
    network: NetworkSchema.nullable().openapi({ description: 'What it asked of the network; null: nothing' }),
    finishedAt: z.iso.datetime().nullable(),
  })
  .openapi('Attempt')

const head = {
  id: z.string(),
  title: z.string(),
  mode: z.enum(['ask', 'code', 'review']),
  environment: z.string(),
  environmentName: z.string(),
  product: z.string(),
  creator: z.string(),
  creatorName: z.string(),
  state,
  createdAt: z.iso.datetime(),
}

const Removed = z.object({
  kind: z.enum(CONTENT_KINDS),
  at: z.iso.datetime(),
  why: z.enum(REMOVAL_CAUSES),
  sentence: z.string(),
})

export const TaskHeadSchema = z.object(head).openapi('TaskHead')
export const TaskSchema = z
  .object({
    ...head,
    branch: z.string().nullable(),
    agent: z.string(),
    turns: z.array(z.object({ id: z.string(), prompt: z.string(), images: count, attempts: z.array(AttemptSchema) })),
    contentRemoved: z.array(Removed).exactOptional().openapi({
      description:
        'What is gone of it, since when and why: transcript (title, prompts, log, answers), changes (diffs, sessions, pictures) or ledger. Absent while everything is there',
    }),
  })
  .openapi('Task')
export const TaskPageSchema = z.object({ data: z.array(TaskHeadSchema), nextCursor: z.string().nullable() })
export const PublishStateSchema = z
  .object({
    attempt: z.string(),
    publish: Publish,
    branch: z.string().nullable(),
    commit: z.string().nullable(),
    pullRequest: PullRequest,
  })
  .openapi('Publish')

export type NewTaskJson = z.input<typeof NewTaskSchema>
export type NewTurnJson = z.input<typeof NewTurnSchema>
export type TaskJson = z.infer<typeof TaskSchema>
export type TaskHeadJson = z.infer<typeof TaskHeadSchema>
export type TaskPageJson = z.infer<typeof TaskPageSchema>
export type AttemptJson = z.infer<typeof AttemptSchema>
export type PublishJson = z.infer<typeof PublishStateSchema>
/** One event of `GET /tasks/:id/events`; what else it has depends on its kind. */
export type EventJson = {
  seq: number
  at: string
  attempt: string
  phase: string
  kind: string
  [key: string]: unknown
}

export function taskHeadJson(head: TaskHead): TaskHeadJson {
  return { ...head, createdAt: head.createdAt.toISOString() }
}

export function taskJson({ removed, ...task }: TaskView): TaskJson {
  const turns = task.turns.map((turn) => ({
    ...turn,
    attempts: turn.attempts.map((attempt) => ({
      ...attempt,
      startedAt: attempt.startedAt?.toISOString() ?? null,
      finishedAt: attempt.finishedAt?.toISOString() ?? null,
    })),
  }))
  const contentRemoved = removed?.map(({ at, ...rule }) => {
    return { kind: rule.kind, at: at.toISOString(), why: rule.why, sentence: removedBecause(rule) }
  })
  return { ...task, createdAt: task.createdAt.toISOString(), turns, ...(contentRemoved && { contentRemoved }) }
}

function isBase64(text: string): boolean {
  return text !== '' && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text)
}
